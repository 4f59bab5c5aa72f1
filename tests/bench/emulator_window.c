// Runs a command in the emulated machine, with marks for emulator_plugin.c before it and after it.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK(number) \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long 0x51434b00 + " #number ::: "memory")

int main(int count, char** words) {
    if (count < 2) return 2;
    MARK(1);
    const pid_t child = fork();
    if (child == 0) {
        execvp(words[1], words + 1);
        perror(words[1]);
        _exit(127);
    }
    int status = 0;
    const pid_t ended = waitpid(child, &status, 0);
    MARK(2);
    return ended == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
