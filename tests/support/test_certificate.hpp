#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace qck::test {

/// A self-signed certificate for `localhost` and 127.0.0.1 as PEM files: `cert.pem`, which also
/// serves as CA file, and `key.pem`.
struct TestCertificate {
    std::filesystem::path certificate_file;
    std::filesystem::path key_file;
};

/// Writes one into `directory`, over any that is there; `common_name` tells certificates apart.
inline TestCertificate write_certificate(const std::filesystem::path& directory,
                                         const std::string& common_name) {
    const auto require = [](bool good, const char* what) {
        if (!good) throw std::runtime_error(std::string("cannot make a test certificate: ") + what);
    };
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    require(key && certificate, "memory");
    X509* const x509 = certificate.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key.get());
    X509_NAME* const name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(x509, name);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> names(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"),
        X509_EXTENSION_free);
    require(names != nullptr && X509_add_ext(x509, names.get(), -1) == 1, "its names");
    require(X509_sign(x509, key.get(), EVP_sha256()) != 0, "its signature");

    TestCertificate made{directory / "cert.pem", directory / "key.pem"};
    const auto write = [&require](const std::filesystem::path& path, auto write_pem) {
        const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"),
                                                                   std::fclose);
        require(file && write_pem(file.get()) == 1, "its files");
    };
    write(made.certificate_file, [&](std::FILE* file) { return PEM_write_X509(file, x509); });
    write(made.key_file, [&](std::FILE* file) {
        return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return made;
}

}  // namespace qck::test
