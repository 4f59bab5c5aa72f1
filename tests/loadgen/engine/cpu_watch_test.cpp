#include "loadgen/engine/cpu_watch.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/clock.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

void burn(std::chrono::nanoseconds span) {
    const std::int64_t until = monotonic_ns() + span.count();
    while (monotonic_ns() < until) {
    }
}

/// A process that wants one CPU for itself until it is ended.
class Burner {
public:
    explicit Burner(int cpu) : process_(::fork()) {
        if (process_ != 0) return;
        (void)pin_thread(cpu);
        burn(60s);
        ::_exit(0);
    }
    ~Burner() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    pid_t process() const { return process_; }

private:
    pid_t process_;
};

}  // namespace

TEST_CASE("another process on the generator's CPU is seen, and is not its own service",
          "[loadgen][engine]") {
    const int cpu = allowed_cpus().back();
    const Burner burner(cpu);
    engine::CpuWatch::Config config;
    config.cpus = {cpu};
    config.threads = 1;
    config.every = 200ms;
    engine::CpuWatch alone(config);
    config.ours = {burner.process()};
    engine::CpuWatch with_service(config);
    std::chrono::nanoseconds ran{};
    std::thread generator([&] {
        REQUIRE(pin_thread(cpu).has_value());
        alone.thread_started(0, ::gettid());
        with_service.thread_started(0, ::gettid());
        const std::int64_t begin = monotonic_ns();
        const auto at = [begin] { return std::chrono::nanoseconds(monotonic_ns() - begin); };
        alone.look(at());
        with_service.look(at());
        burn(1s);
        alone.end(at());
        with_service.end(at());
        ran = at();
    });
    generator.join();
    REQUIRE(alone.stretches().size() == 1);
    const record::CpuStretch& seen = alone.stretches().front();
    CHECK(seen.cpus == 1);
    CHECK(seen.length <= ran);
    // The two share the CPU, with whoever else wants it.
    CHECK(seen.kept_waiting > 100ms);
    CHECK(seen.others > 100ms);
    CHECK(with_service.stretches().front().others < seen.others);
}

TEST_CASE("a look before its time changes nothing", "[loadgen][engine]") {
    engine::CpuWatch::Config config;
    config.every = 200ms;
    engine::CpuWatch watch(config);
    watch.end(1ms);  // it had not begun
    CHECK(watch.stretches().empty());
    for (const auto at : {0ms, 10ms, 199ms, 201ms, 390ms, 500ms}) watch.look(at);
    REQUIRE(watch.stretches().size() == 2);
    CHECK(watch.stretches()[0].begin == 0ms);
    CHECK(watch.stretches()[0].end() == 201ms);
    CHECK(watch.stretches()[1].end() == 500ms);
    watch.end(510ms);
    CHECK(watch.stretches().size() == 3);
}
