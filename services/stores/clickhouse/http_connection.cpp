#include "services/stores/clickhouse/http_connection.hpp"

namespace qck::clickhouse {

using Kind = net::HttpFault::Kind;

Result<std::unique_ptr<HttpConnection>> HttpConnection::open(const Node& node,
                                                             const std::string& ca_file,
                                                             std::chrono::milliseconds timeout,
                                                             bool& refused) {
    auto connection =
        net::BlockingHttp::connect({node.secure, node.host, node.port, ca_file}, timeout);
    refused = !connection && connection.error().kind == Kind::refused;
    if (!connection) {
        const net::HttpFault& fault = connection.error();
        return error(
            fault.kind == Kind::timed_out ? Errc::timed_out : Errc::unavailable,
            "cannot reach ClickHouse at " + node.text() + ": " + fault.reason +
                (fault.kind == Kind::mistrusted ? " (give its authority with --clickhouse-ca)"
                                                : " (is it running? set --clickhouse)"));
    }
    return std::unique_ptr<HttpConnection>(new HttpConnection(node, std::move(*connection)));
}

void HttpConnection::begin_post(std::string_view target, std::string_view authorization,
                                std::string_view body, std::chrono::milliseconds timeout) {
    const std::string host = node_.text().substr(node_.secure ? 8 : 7);
    connection_->send({"POST", target, host, authorization, {}, body}, timeout);
}

Result<HttpAnswer> HttpConnection::end_post(std::size_t answer_bytes_max) {
    auto reply = connection_->receive(answer_bytes_max);
    if (!reply) {
        const net::HttpFault& fault = reply.error();
        return error(fault.kind == Kind::timed_out ? Errc::timed_out : Errc::io,
                     "lost ClickHouse at " + node_.text() + " before it answered: " + fault.reason);
    }
    return HttpAnswer{reply->status, std::move(reply->body)};
}

}  // namespace qck::clickhouse
