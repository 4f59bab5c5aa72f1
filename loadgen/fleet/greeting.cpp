#include "loadgen/fleet/greeting.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <unistd.h>
#include <array>
#include <climits>
#include <fstream>
#include <stdexcept>

#include "base/version.hpp"

namespace qck::fleet {
namespace {

constexpr std::size_t nonce_bytes = 32;
constexpr std::size_t name_bytes_max = 200;

const char* word_of(Role role) { return role == Role::agent ? "an agent" : "a coordinator"; }

}  // namespace

Greeting::Greeting(Hello mine, std::string token)
    : mine_(std::move(mine)), token_(std::move(token)) {
    std::array<unsigned char, nonce_bytes> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error("the system has no random bytes");
    }
    mine_.nonce.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    mine_.version = qck::version;
}

std::string Greeting::proof_of(Role role) const {
    const bool mine_is_agent = mine_.role == Role::agent;
    const std::string said = std::string("qck fleet, ") + word_of(role) +
                             (mine_is_agent ? mine_.nonce : peer_->nonce) +
                             (mine_is_agent ? peer_->nonce : mine_.nonce);
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned length = 0;
    HMAC(EVP_sha256(), token_.data(), static_cast<int>(token_.size()),
         reinterpret_cast<const unsigned char*>(said.data()), said.size(), mac.data(), &length);
    return {reinterpret_cast<const char*>(mac.data()), length};
}

Result<void> Greeting::check(const Hello& theirs) const {
    const auto refuse = [](std::string why) {
        return error(Errc::invalid_argument, std::move(why));
    };
    if (theirs.protocol != protocol_version || theirs.version != mine_.version) {
        return refuse(std::string(word_of(mine_.role)) + " of qck " + mine_.version +
                      " cannot work with " + word_of(theirs.role) + " of qck " +
                      theirs.version.substr(0, name_bytes_max) +
                      " (install the same version on both)");
    }
    if (theirs.role == mine_.role || theirs.role > Role::agent) {
        return refuse(std::string(word_of(mine_.role)) + " was reached, which cannot work with " +
                      word_of(theirs.role));
    }
    const bool printable = theirs.name.find_first_of("\r\n\x1b") == std::string::npos;
    if (theirs.nonce.size() != nonce_bytes || theirs.name.size() > name_bytes_max ||
        theirs.host.size() > name_bytes_max || !printable || theirs.threads < 1 ||
        theirs.threads > 4096) {
        return refuse("its hello is malformed");
    }
    return {};
}

Result<std::optional<Message>> Greeting::take(const Message& message) {
    if (const auto* refusal = std::get_if<Refusal>(&message)) {
        return error(Errc::permission, "it refused: " + refusal->why.substr(0, 500));
    }
    if (const auto* hello = std::get_if<Hello>(&message); hello != nullptr && !peer_) {
        if (auto good = check(*hello); !good) return good.error();
        peer_ = *hello;
        return std::optional<Message>(Proof{proof_of(mine_.role)});
    }
    const auto* const proof = std::get_if<Proof>(&message);
    if (proof == nullptr || !peer_ || proven_) {
        return error(Errc::invalid_argument, "it spoke out of turn while it greeted");
    }
    const std::string expected = proof_of(peer_->role);
    if (proof->mac.size() != expected.size() ||
        CRYPTO_memcmp(proof->mac.data(), expected.data(), expected.size()) != 0) {
        return error(Errc::permission,
                     "its token is not ours (set the same QCK_FLEET_TOKEN on both sides)");
    }
    proven_ = true;
    return std::optional<Message>();
}

std::string this_host() {
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    std::array<char, PATH_MAX> link{};
    const ssize_t length = ::readlink("/proc/self/ns/net", link.data(), link.size());
    return boot + " " + std::string(link.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
}

}  // namespace qck::fleet
