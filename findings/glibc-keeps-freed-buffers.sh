#!/usr/bin/env bash
# Large buffers that are freed do not go back to the system for good: glibc maps
# the first one, unmaps it when it is freed, and learns from it. The next that is no
# larger comes from the heap and stays resident when it is freed (mallopt(3),
# M_MMAP_THRESHOLD: the threshold follows what is freed, and the heap keeps twice
# as much). A buffer with room for more than 32 MiB is always mapped and teaches
# nothing, however little of it is used: only pages that were written are resident.
#
# Versions: glibc 2.36
# Seen: a buffer of 9 MiB after one of 10 MiB leaves 9 MiB behind; of buffers with
# room for 33 MiB, of which 9 MiB were written, nothing is left, before and after.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/keeps.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long resident(void) {
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%*d %ld", &pages) != 1) exit(2);
    fclose(statm);
    return pages * 4 / 1024;
}

/* Writes 9 MiB of a buffer with room for so many, frees it; MiB that are left. */
static long left(long before, size_t mib) {
    char *volatile buffer = malloc(mib << 20);
    if (!buffer) exit(2);
    memset(buffer, 1, 9 << 20);
    free(buffer);
    return resident() - before;
}

int main(void) {
    long before = resident();
    long vast[] = {left(before, 33), left(before, 33)};
    long large[] = {left(before, 10), left(before, 9)};
    long after = left(before + large[1], 33);
    printf("room for 33 MiB: %ld %ld MiB left, 10 and then 9 MiB: %ld %ld, then 33 MiB: %ld\n",
           vast[0], vast[1], large[0], large[1], after);
    return vast[0] > 1 || vast[1] > 1 || large[0] > 1 || large[1] < 8 || after > 1;
}
C
cc -O0 -o "$dir/keeps" "$dir/keeps.c"
ldd --version | sed -n 1p
"$dir/keeps"
