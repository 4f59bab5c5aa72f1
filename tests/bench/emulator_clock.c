// Preloaded into QEMU, this lets the emulated machine's clock go EMULATOR_SLOWNESS times slower
// than the real one.
//
// Emulated, a CPU does some ten to a hundred million instructions in a second. What a program does
// so many times a second, as timer interrupts, would then weigh far more on a request than it does
// in earnest. With a clock that is slow enough, the machine does as much in a second of its own as
// a real one. Its timestamp counter goes on as it did: the kernel finds out how fast it is by the
// slow clock, and takes it for a very fast one.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static const long long second_ns = 1000000000;

static long long slowness(void) {
    static long long times;
    if (times == 0) {
        const char* text = getenv("EMULATOR_SLOWNESS");
        const long long given = text ? atoll(text) : 1;
        times = given > 0 ? given : 1;
    }
    return times;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
    static int (*real)(clockid_t, struct timespec*);
    if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
    const int result = real(clock, now);
    if (result != 0 || clock != CLOCK_MONOTONIC) return result;
    const long long slow_ns = (now->tv_sec * second_ns + now->tv_nsec) / slowness();
    now->tv_sec = slow_ns / second_ns;
    now->tv_nsec = slow_ns % second_ns;
    return 0;
}

// How QEMU waits for its next timer.
int ppoll(struct pollfd* fds, nfds_t count, const struct timespec* timeout,
          const sigset_t* signals) {
    static int (*real)(struct pollfd*, nfds_t, const struct timespec*, const sigset_t*);
    if (!real) {
        real = (int (*)(struct pollfd*, nfds_t, const struct timespec*, const sigset_t*))dlsym(
            RTLD_NEXT, "ppoll");
    }
    if (!timeout) return real(fds, count, NULL, signals);
    const long long most_s = LLONG_MAX / second_ns / slowness() - 1;
    const long long seconds = timeout->tv_sec < most_s ? timeout->tv_sec : most_s;
    const long long wait_ns = (seconds * second_ns + timeout->tv_nsec) * slowness();
    const struct timespec longer = {wait_ns / second_ns, wait_ns % second_ns};
    return real(fds, count, &longer, signals);
}
