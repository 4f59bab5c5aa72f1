#pragma once

#include <memory>

#include "tests/services/http_server/running_server.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/test_certificate.hpp"

namespace qck::http_server::test {

/// A server over TLS, its certificate made for it.
struct TlsServer {
    explicit TlsServer(const ServerConfig& config = {})
        : certificate(qck::test::write_certificate(directory.path(), "first")),
          context(*net::TlsServerContext::load(
              {certificate.certificate_file.string(), certificate.key_file.string()})),
          server(config, context.get()) {}

    qck::test::TemporaryDirectory directory;
    qck::test::TestCertificate certificate;
    std::unique_ptr<net::TlsServerContext> context;
    RunningServer server;
};

}  // namespace qck::http_server::test
