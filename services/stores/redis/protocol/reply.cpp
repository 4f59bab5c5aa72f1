#include "services/stores/redis/protocol/reply.hpp"

#include <new>

namespace qck::redis {

ReplyReader::ReplyReader() : reader_(redisReaderCreate()) {
    if (!reader_) throw std::bad_alloc();
}

void ReplyReader::feed(std::string_view bytes) {
    redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
}

Result<std::optional<Reply>> ReplyReader::next() {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
        return error(Errc::corrupt, "it sent what is not Redis' protocol");
    }
    if (reply == nullptr) return std::optional<Reply>();
    return std::optional<Reply>(static_cast<redisReply*>(reply));
}

}  // namespace qck::redis
