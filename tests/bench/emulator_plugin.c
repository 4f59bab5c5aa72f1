// A plugin of QEMU that counts the instructions of every thread of an emulated Linux, in the kernel
// and in user space.
//
// QEMU tells of each block of instructions before it runs it, and on which CPU. Whose they are is
// seen in the kernel's __switch_to_asm, which is known by its two instructions
//     mov %rsp, offset(%rdi)
//     mov offset(%rsi), %rsp
// (the stack of the thread that goes is kept, that of the one that comes is taken): the address
// that the second one reads is in the task_struct of the thread that comes. So the count is that of
// `perf stat -p`: what runs while the thread is the current one, interrupts and the network's
// softirqs in its context among it. A thread that halts its CPU is an idle one.
//
// A program in the emulated machine asks for the counts by a no-op with an odd address,
// nopl 0x51434bNN(%rax). Each time these lines are written to the file that EMULATOR_COUNTS names:
//     NN cpu thread kernel user idle     for every thread, of its instructions
//     NN cpu lost LOST NOW 0             ns of real time: by how much the CPU fell behind its pace
//
// An instruction with a REP prefix is run by QEMU as a block for every turn; it counts once, as it
// does in hardware.
//
// EMULATOR_PACE, if set, is how many picoseconds of real time an instruction takes at least, from
// the first mark on. With it both CPUs have one steady speed, whatever else the real machine does,
// as long as that is less than half of what it could: needed where the program under test looks at
// the clock to decide what it does.
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Of the plugin interface, version 1 (QEMU 4.2 to 8.2), which Debian ships no header of.
typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { without_registers = 0, reads_and_writes = 3 };
typedef void (*on_translation_t)(qemu_plugin_id_t, struct qemu_plugin_tb*);
typedef void (*on_run_t)(unsigned cpu, void* user);
typedef void (*on_access_t)(unsigned cpu, qemu_plugin_meminfo_t, uint64_t address, void* user);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, on_translation_t);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb*, on_run_t, int flags, void* user);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, on_run_t, int flags,
                                            void* user);
// QEMU 7.2 takes "reads" for "writes", so both are asked for where there are only reads.
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn*, on_access_t, int flags,
                                      int accesses, void* user);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn*);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { cpus_max = 2, threads_log2 = 12, threads_max = 1 << threads_log2, before_any_switch = 1 };

struct thread {
    uint64_t address;  // of its task_struct; 0: a free place
    uint64_t kernel;
    uint64_t user;
    bool idle;
};

// Each is written by its own CPU alone; a reader may see the last few blocks of another CPU or not.
static struct cpu {
    struct thread* running;
    uint64_t ended_with_rep_at;
    bool halted;
    uint64_t unpaced;      // instructions since `may_go_on_ns` was looked at
    int64_t may_go_on_ns;  // when what it has run should have taken until then
    int64_t lost_ns;       // by which it fell behind its pace and was let off
    int used;
    struct thread threads[threads_max];
} cpus[cpus_max];

static int64_t pace_ps;  // 0: as fast as can be

struct block {
    uint64_t begins_at;
    uint64_t ends_with_rep_at;  // 0: it does not
    uint32_t instructions;
    bool in_kernel;
    bool begins_with_rep;
};

static struct thread* thread_of(struct cpu* cpu, uint64_t address) {
    uint64_t at = (address >> 6) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - threads_log2);
    for (;; at = (at + 1) % threads_max) {
        struct thread* thread = &cpu->threads[at];
        if (thread->address == address) return thread;
        if (thread->address == 0) {
            if (++cpu->used == threads_max) {
                fprintf(stderr, "emulator_plugin: more than %d threads\n", threads_max);
                exit(1);
            }
            thread->address = address;
            return thread;
        }
    }
}

// Not CLOCK_MONOTONIC, which emulator_clock.c slows down.
static int64_t real_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void keep_pace(struct cpu* cpu) {
    enum { looks_after = 3000 };          // instructions
    const int64_t lateness_ns = 2000000;  // that is made up for; more is forgotten
    if (!cpu->halted && cpu->unpaced < looks_after) return;
    const int64_t now = real_ns();
    if (cpu->halted || cpu->may_go_on_ns == 0) {
        cpu->may_go_on_ns = now;
        cpu->halted = false;
    } else {
        cpu->may_go_on_ns += (int64_t)cpu->unpaced * pace_ps / 1000;
        if (cpu->may_go_on_ns < now - lateness_ns) {
            cpu->lost_ns += now - lateness_ns - cpu->may_go_on_ns;
            cpu->may_go_on_ns = now - lateness_ns;
        }
    }
    cpu->unpaced = 0;
    if (cpu->may_go_on_ns <= now) return;
    const struct timespec until = {cpu->may_go_on_ns / 1000000000, cpu->may_go_on_ns % 1000000000};
    clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL);
}

static void on_block(unsigned index, void* user) {
    const struct block* block = user;
    struct cpu* cpu = &cpus[index];
    const bool goes_on = block->begins_with_rep && cpu->ended_with_rep_at == block->begins_at;
    const uint64_t count = block->instructions - (goes_on ? 1 : 0);
    cpu->ended_with_rep_at = block->ends_with_rep_at;
    if (!cpu->running) cpu->running = thread_of(cpu, before_any_switch);
    *(block->in_kernel ? &cpu->running->kernel : &cpu->running->user) += count;
    if (pace_ps == 0) return;
    cpu->unpaced += count;
    keep_pace(cpu);
}

static void on_switch(unsigned index, qemu_plugin_meminfo_t info, uint64_t address, void* offset) {
    (void)info;
    cpus[index].running = thread_of(&cpus[index], address - (uintptr_t)offset);
}

static void on_halt(unsigned index, void* user) {
    (void)user;
    cpus[index].halted = true;
    if (cpus[index].running) cpus[index].running->idle = true;
}

static void on_mark(unsigned index, void* number) {
    static FILE* out;
    (void)index;
    if (!out) {
        const char* name = getenv("EMULATOR_COUNTS");
        if (!name || !(out = fopen(name, "w"))) {
            fprintf(stderr, "emulator_plugin: cannot write what EMULATOR_COUNTS names\n");
            exit(1);
        }
        const char* pace = getenv("EMULATOR_PACE");
        pace_ps = pace ? atoll(pace) : 0;
    }
    for (int cpu = 0; cpu < cpus_max; ++cpu) {
        fprintf(out, "%u %d lost %" PRId64 " %" PRId64 " 0\n", (unsigned)(uintptr_t)number, cpu,
                cpus[cpu].lost_ns, real_ns());
        for (int at = 0; at < threads_max; ++at) {
            const struct thread* thread = &cpus[cpu].threads[at];
            if (thread->address == 0) continue;
            fprintf(out, "%u %d %" PRIx64 " %" PRIu64 " %" PRIu64 " %d\n",
                    (unsigned)(uintptr_t)number, cpu, thread->address, thread->kernel, thread->user,
                    thread->idle);
        }
    }
    fflush(out);
}

static bool is_rep(const uint8_t* code, size_t size) {
    bool rep = false;
    size_t at = 0;
    for (; at < size; ++at) {
        if (code[at] == 0xf2 || code[at] == 0xf3) {
            rep = true;
        } else if (code[at] != 0x66 && code[at] != 0x67 && (code[at] & 0xf0) != 0x40) {
            break;  // neither a size prefix nor REX
        }
    }
    if (!rep || at == size) return false;
    const uint8_t what = code[at];  // movs, cmps; stos, lods, scas; ins, outs
    return (what >= 0xa4 && what <= 0xa7) || (what >= 0xaa && what <= 0xaf) ||
           (what >= 0x6c && what <= 0x6f);
}

// Whether `code` is these three bytes and a number of four, which it tells.
static bool is_with_number(const uint8_t* code, size_t size, const char* three, uint32_t* number) {
    if (size != 7 || memcmp(code, three, 3) != 0) return false;
    memcpy(number, code + 3, sizeof *number);
    return true;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
    (void)id;
    const size_t count = qemu_plugin_tb_n_insns(tb);
    struct block* block =
        calloc(1, sizeof *block);  // as long as QEMU runs: it keeps no count of its uses
    if (!block || count == 0) return;
    block->instructions = (uint32_t)count;
    uint32_t kept_at = 0;
    for (size_t index = 0; index < count; ++index) {
        struct qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(tb, index);
        const uint8_t* code = qemu_plugin_insn_data(insn);
        const size_t size = qemu_plugin_insn_size(insn);
        const uint64_t at = qemu_plugin_insn_vaddr(insn);
        const bool rep = is_rep(code, size);
        uint32_t number = 0;
        if (index == 0) {
            block->begins_at = at;
            block->in_kernel = at >> 63;
            block->begins_with_rep = rep;
        }
        if (index + 1 == count && rep) block->ends_with_rep_at = at;
        if (is_with_number(code, size, "\x0f\x1f\x80", &number) && number >> 8 == 0x51434b) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, without_registers,
                                                   (void*)(uintptr_t)(number & 0xff));
        }
        if (!block->in_kernel) continue;
        if (is_with_number(code, size, "\x48\x89\xa7", &number)) kept_at = number;
        if (is_with_number(code, size, "\x48\x8b\xa6", &number) && number == kept_at) {
            qemu_plugin_register_vcpu_mem_cb(insn, on_switch, without_registers, reads_and_writes,
                                             (void*)(uintptr_t)number);
        }
        if (size == 1 && code[0] == 0xf4)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_halt, without_registers, NULL);
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, without_registers, block);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const qemu_info_t* info, int count,
                                                               char** options) {
    (void)info, (void)count, (void)options;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
