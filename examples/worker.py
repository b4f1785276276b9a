#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker that uses only Python's standard library. The store is a file; payloads are read
and written at their offset in the control node. Any number may serve one device.
usage: worker.py /dev/userblkcN FILE"""
import array, errno, fcntl, os, select, struct, sys

# userblk_ioctl.h: the layouts, and _IOWR(0xB7, number, size of the layout)
REQUEST, ANSWER = struct.Struct("=QQQQIIHHIIiQ"), struct.Struct("=QQQIHHiiiIQQ")
GET, PUT, RESET = struct.Struct("=QqIIII"), struct.Struct("=QIIII"), struct.Struct("=QQIiII")
READ, WRITE, FLUSH, DISCARD, WRITE_ZEROES = range(5)
INFO, FUA, ANY_QUEUE = struct.Struct("=88xI324x"), 1, 0xFFFFFFFF # the store class alone

def call(number, layout, *fields):
    argument = bytearray(layout.pack(*fields))
    fcntl.ioctl(node, 3 << 30 | layout.size << 16 | 0xB7 << 8 | number, argument)
    return layout.unpack(argument)

def write(fd, data, place):
    if os.pwrite(fd, data, place) != len(data):
        raise OSError(errno.EIO, "only a part was written")

def carry_out(op, offset, length, flags, payload):
    if op == READ: # a short read, at the end of the file, becomes an error in the kernel
        write(node, os.pread(store, length, offset), payload)
    elif op == WRITE:
        write(store, os.pread(node, length, payload), offset)
    elif op == WRITE_ZEROES:
        for at in range(offset, offset + length, 1 << 20):
            write(store, bytes(min(1 << 20, offset + length - at)), at)
    elif op not in (FLUSH, DISCARD): # a later module's
        raise OSError(errno.EOPNOTSUPP, "unknown operation")
    if op == FLUSH or flags & FUA:
        os.fdatasync(store)

def serve():
    record = array.array("B", bytes(REQUEST.size)) # array: has an address
    count = call(0x10, GET, record.buffer_info()[0], 0, REQUEST.size, 1, ANY_QUEUE, 0)[3]
    ident, offset, payload, _, _, length, op, _, flags, _, result, _ = REQUEST.unpack(record)
    if count == 0 or result != 0: # another worker was faster
        return
    try:
        status = carry_out(op, offset, length, flags, payload) or 0
    except OSError as error: # ESTALE: put back; the PUT then fails the same way
        status = -error.errno
    answer = array.array("B", ANSWER.pack(ident, 0, 0, 0, 0, 0, status, 0, 0, 0, 0, 0))
    call(0x11, PUT, answer.buffer_info()[0], ANSWER.size, 1, 0, 0)

if len(sys.argv) != 3:
    sys.exit(print(__doc__, file=sys.stderr) or 2)
try:
    node, store = (os.open(path, os.O_RDWR | os.O_CLOEXEC) for path in sys.argv[1:])
    if call(0x14, INFO, 0)[0] != 0: # writes to a file end with the process
        sys.exit("worker.py: this device wants a store that can be fenced")
    while True:
        ready, _, orphans = select.select([node], [], [node])
        if orphans: call(0x13, RESET, 0, 0, 0, 0, 0, 0) # POLLPRI: a dead process holds requests
        if ready: serve()
except OSError as error: # ENODEV: the device was removed
    sys.exit(error.errno != errno.ENODEV and f"worker.py: {error}")
