#include "cli/commands/page_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <future>
#include <set>
#include <system_error>
#include <utility>

#include "base/cpu.hpp"
#include "base/net/address.hpp"

namespace qck::commands {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr std::chrono::seconds read_within{2};
constexpr std::chrono::seconds write_within{5};
constexpr std::chrono::milliseconds retry_after{100};
constexpr std::size_t head_bytes_max = 8 * 1024;
constexpr std::size_t body_bytes_max = 1024;

/// Whether a Host header names an IP address or this machine itself.
bool is_by_address(std::string_view host) {
    error_code bad;
    if (host.starts_with('[')) {
        asio::ip::make_address_v6(host.substr(1, host.find(']') - 1), bad);
        return !bad;
    }
    host = host.substr(0, host.find(':'));
    if (beast::iequals(host, "localhost")) return true;
    asio::ip::make_address_v4(host, bad);
    return !bad;
}

PageAnswer refusal(unsigned status, std::string why, std::string headers = {}) {
    PageAnswer answer;
    answer.status = status;
    answer.body = std::move(why) + "\n";
    answer.headers = std::move(headers);
    return answer;
}

std::string head_of(unsigned status, const std::string& type, const std::string& headers) {
    return "HTTP/1.1 " + std::to_string(status) + " " +
           std::string(http::obsolete_reason(http::int_to_status(status))) +
           "\r\nContent-Type: " + type +
           "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" + headers +
           "Connection: close\r\n";
}

}  // namespace

/// All connections; belongs to the server's thread once that runs.
class PageServer::Loop {
public:
    Loop(PageSite site, const tcp& protocol, int listener)
        : site_(std::move(site)),
          protocol_(protocol),
          acceptor_(context_, protocol, listener),
          retry_(context_) {}

    void run() {
        name_thread(site_.thread_name.c_str());
        wait_for_peers();
        try {
            context_.run();
        } catch (const std::exception& bug) {
            std::fprintf(stderr, "qck: %s ends: %s\n", site_.thread_name.c_str(), bug.what());
        }
    }
    void stop() { context_.stop(); }
    void post(std::function<void()> work) { asio::post(context_, std::move(work)); }
    void tell();
    bool all_told() const;

private:
    class Session;

    void wait_for_peers() {
        acceptor_.async_wait(tcp::acceptor::wait_read, [this](error_code failed) {
            if (!failed) accept_all();
        });
    }
    void accept_all();

    const PageSite site_;
    const tcp protocol_;
    std::set<Session*> sessions_;
    // After the sessions' register: what waits in the context may be the last to hold a session.
    asio::io_context context_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer retry_;
};

/// One connection: reads a request and answers it, or goes on telling events until either leaves.
class PageServer::Loop::Session : public std::enable_shared_from_this<Session> {
public:
    Session(Loop& loop, tcp::socket socket) : loop_(loop), stream_(std::move(socket)) {
        parser_.header_limit(head_bytes_max);
        parser_.body_limit(body_bytes_max);
        loop_.sessions_.insert(this);
    }
    ~Session() { loop_.sessions_.erase(this); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void start() {
        stream_.expires_after(read_within);
        http::async_read(
            stream_, buffer_, parser_,
            [self = shared_from_this()](error_code failed, std::size_t) { self->on_read(failed); });
    }
    /// Writes what the feed has for this reader, unless it is still at what it had before.
    void tell() {
        if (!streams_ || writing_ || gone_) return;
        out_ += loop_.site_.feed->next(reader_);
        if (out_.empty()) return;
        writing_ = true;
        stream_.expires_after(write_within);
        asio::async_write(
            stream_, asio::buffer(out_),
            [self = shared_from_this()](error_code failed, std::size_t) { self->on_told(failed); });
    }
    bool is_told() const {
        return gone_ || !streams_ || (!writing_ && !loop_.site_.feed->has_more(reader_));
    }

private:
    void on_read(error_code failed) {
        if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
            return answer(refusal(431, "a request's head is at most 8 KB here"));
        }
        if (failed == http::error::body_limit) {
            return answer(refusal(413, "nothing here takes a body"));
        }
        if (failed == http::error::end_of_stream || failed == http::error::partial_message) return;
        if (failed.category() == http::make_error_code(http::error::bad_method).category()) {
            return answer(refusal(400, "not an HTTP request: " + failed.message()));
        }
        if (!failed) route();
    }

    void route() {
        const auto& request = parser_.get();
        if (loop_.site_.by_address_only && !is_by_address(request[http::field::host])) {
            return answer(refusal(403, "ask for this page by address (http://127.0.0.1:PORT)"));
        }
        const std::string_view target = request.target();
        const std::string_view path = target.substr(0, target.find('?'));
        const std::string_view method = request.method_string();
        std::string allowed;
        if (path == loop_.site_.events_path && loop_.site_.feed != nullptr) {
            if (method == "GET") return stream();
            allowed = "GET";
        }
        for (const PageRoute& route : loop_.site_.routes) {
            if (path != route.path) continue;
            allowed += (allowed.empty() ? "" : ", ") + route.method;
            if (method != route.method) continue;
            if (!route.header.empty() && request.count(route.header) == 0) {
                return answer(refusal(403, "this needs the header " + route.header));
            }
            return answer(route.answer());
        }
        if (allowed.empty()) return answer(refusal(404, "nothing is here"));
        answer(refusal(405, "only " + allowed + " here", "Allow: " + allowed + "\r\n"));
    }

    void answer(const PageAnswer& given) {
        out_ = head_of(given.status, given.type, given.headers) +
               "Content-Length: " + std::to_string(given.body.size()) + "\r\n\r\n" + given.body;
        stream_.expires_after(write_within);
        asio::async_write(stream_, asio::buffer(out_),
                          [self = shared_from_this()](error_code failed, std::size_t) {
                              if (!failed) self->leave();
                          });
    }

    /// What a peer has said and nobody read would reset the connection under the answer, so that is
    /// read, for a while.
    void leave() {
        error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        stream_.expires_after(read_within);
        drop_rest();
    }
    void drop_rest() {
        stream_.async_read_some(asio::buffer(rest_),
                                [self = shared_from_this()](error_code failed, std::size_t) {
                                    if (!failed) self->drop_rest();
                                });
    }

    void stream() {
        streams_ = true;
        out_ = head_of(200, "text/event-stream", "") + "\r\nretry: 1000\n\n";
        error_code ignored;
        stream_.socket().set_option(asio::socket_base::keep_alive(true), ignored);
        stream_.expires_never();
        // Nothing is to come but its end.
        stream_.async_read_some(asio::buffer(rest_),
                                [self = shared_from_this()](error_code, std::size_t) {
                                    self->gone_ = true;
                                    self->stream_.close();
                                });
        tell();
    }
    void on_told(error_code failed) {
        writing_ = false;
        out_.clear();
        out_.shrink_to_fit();
        if (failed) {
            gone_ = true;
            stream_.close();
        } else {
            tell();
        }
    }

    Loop& loop_;
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_{head_bytes_max + body_bytes_max};
    http::request_parser<http::string_body> parser_;
    std::string out_;
    char rest_[1024];
    EventFeed::Reader reader_;
    bool streams_ = false;
    bool writing_ = false;
    bool gone_ = false;
};

void PageServer::Loop::accept_all() {
    for (;;) {
        // By hand, so that no child that is started meanwhile inherits it.
        const int peer =
            ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer < 0) break;
        tcp::socket socket(context_, protocol_, peer);
        if (sessions_.size() < connections_max) {
            std::make_shared<Session>(*this, std::move(socket))->start();
        }
    }
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return wait_for_peers();
    // No descriptor left: the peer waits, and so do we.
    retry_.expires_after(retry_after);
    retry_.async_wait([this](error_code failed) {
        if (!failed) wait_for_peers();
    });
}

void PageServer::Loop::tell() {
    // Whoever leaves meanwhile leaves the register.
    const std::vector<Session*> all(sessions_.begin(), sessions_.end());
    for (Session* const session : all) session->tell();
}

bool PageServer::Loop::all_told() const {
    return std::all_of(sessions_.begin(), sessions_.end(),
                       [](const Session* session) { return session->is_told(); });
}

Result<std::unique_ptr<PageServer>> PageServer::start(const std::string& address, PageSite site) {
    const auto place = net::parse_address(address);
    if (!place) return place.error();
    auto listeners = net::listen_on(*place, 1);
    if (!listeners) return listeners.error();
    const auto bound = net::local_address(listeners->front().get());
    if (!bound) return bound.error();
    try {
        auto loop = std::make_unique<Loop>(std::move(site),
                                           bound->family() == AF_INET6 ? tcp::v6() : tcp::v4(),
                                           listeners->front().release());
        return std::unique_ptr<PageServer>(
            new PageServer(std::move(loop), "http://" + bound->to_string(), bound->is_loopback()));
    } catch (const std::system_error& failure) {
        return io_error("cannot serve pages on " + address, failure.code().value());
    }
}

PageServer::PageServer(std::unique_ptr<Loop> loop, std::string origin, bool is_loopback)
    : origin_(std::move(origin)), is_loopback_(is_loopback), loop_(std::move(loop)) {
    thread_ = std::thread([this] { loop_->run(); });
}

PageServer::~PageServer() {
    loop_->stop();
    thread_.join();
}

void PageServer::tell() {
    loop_->post([loop = loop_.get()] { loop->tell(); });
}

bool PageServer::tell_all(std::chrono::milliseconds within) {
    const auto until = std::chrono::steady_clock::now() + within;
    constexpr std::chrono::milliseconds ask_every{5};
    do {
        const auto told = std::make_shared<std::promise<bool>>();
        auto answer = told->get_future();
        loop_->post([loop = loop_.get(), told] {
            loop->tell();
            told->set_value(loop->all_told());
        });
        if (answer.wait_until(until) != std::future_status::ready) return false;
        if (answer.get()) return true;
        std::this_thread::sleep_for(ask_every);
    } while (std::chrono::steady_clock::now() < until);
    return false;
}

}  // namespace qck::commands
