// SPDX-License-Identifier: MIT
/*
 * A plug-in for QEMU: counts how often the guest executes each instruction of the kernel, and
 * each page of user space instructions, between two executions of the mark that userblk-load sets
 * around the measured part. Argument: out=FILE.
 *
 * The declarations follow QEMU's plug-in interface, version 1, for which Debian 12 has no header.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
enum { COUNT_UP = 0, NO_REGISTERS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*call)(qemu_plugin_id_t,
							struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						int op, void *counter,
						uint64_t step);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*call)(unsigned int, void *),
					    int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

/* An open hash table of addresses; far larger than a guest needs. */
#define SLOT_BITS 21
#define SLOTS (1u << SLOT_BITS)

static struct {
	uint64_t address;
	uint64_t count;
	uint64_t at_mark;
} slots[SLOTS];

static const char *path;
static int marks;

static uint64_t *counter_of(uint64_t address)
{
	uint32_t i = address * 0x9e3779b97f4a7c15u >> (64 - SLOT_BITS);

	while (slots[i].address && slots[i].address != address)
		i = (i + 1) % SLOTS;
	slots[i].address = address;
	return &slots[i].count;
}

static void write_counts(void)
{
	FILE *file = fopen(path, "w");
	uint32_t i;

	if (!file)
		return;
	for (i = 0; i < SLOTS; i++)
		if (slots[i].count > slots[i].at_mark)
			fprintf(file, "%llx %llu\n",
				(unsigned long long)slots[i].address,
				(unsigned long long)(slots[i].count -
						     slots[i].at_mark));
	fclose(file);
}

static void on_mark(unsigned int cpu, void *data)
{
	uint32_t i;

	(void)cpu;
	(void)data;
	if (++marks == 2)
		write_counts();
	for (i = 0; marks == 1 && i < SLOTS; i++)
		slots[i].at_mark = slots[i].count;
}

static int is_mark(const struct qemu_plugin_insn *insn)
{
	/* nopl 0x554b4c42(%rax) */
	static const unsigned char mark[] = { 0x0f, 0x1f, 0x80, 0x42,
					      0x4c, 0x4b, 0x55 };

	return qemu_plugin_insn_size(insn) == sizeof(mark) &&
	       !memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark));
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t address = qemu_plugin_insn_vaddr(insn);

		/* The upper half belongs to the kernel. */
		if (!(address >> 63))
			address = (address & ~0xfffull) | 1;
		qemu_plugin_register_vcpu_insn_exec_inline(insn, COUNT_UP,
							   counter_of(address),
							   1);
		if (is_mark(insn))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
							       NO_REGISTERS,
							       NULL);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
			       char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	path = argv[0] + 4;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
