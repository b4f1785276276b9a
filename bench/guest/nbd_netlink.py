# SPDX-License-Identifier: MIT
"""Features of nbd's kernel side that nbd-client does not use: a device whose requests wait
for a limited time for a new connection when all are dead, and replacements for dead ones.

The negotiation follows the NBD protocol (NBD_OPT_GO), the interface
<linux/nbd-netlink.h>.
"""

import os
import socket
import struct

NETLINK_GENERIC = 16  # Python 3.11 lacks this constant
GENL_CONTROLLER, GET_FAMILY, ATTR_FAMILY_ID, ATTR_FAMILY_NAME = 16, 3, 1, 2
CONNECT, RECONFIGURE = 1, 3
INDEX, SIZE, BLOCK_SIZE, TIMEOUT, SERVER_FLAGS, SOCKETS, DEAD_TIMEOUT = 1, 2, 3, 4, 5, 7, 8
SOCKET_ITEM, SOCKET_FD = 1, 1
NLM_F_REQUEST, NLM_F_ACK, NLA_F_NESTED, NLMSG_ERROR = 1, 4, 0x8000, 2

IHAVEOPT, OPTION_REPLY, OPTION_GO, REPLY_ACK, REPLY_INFO, INFO_EXPORT = (
    0x49484156454F5054, 0x0003E889045565A9, 7, 1, 3, 0)
FIXED_NEWSTYLE, NO_ZEROES = 1, 2


def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def number(kind, value, form="=Q"):
    return attribute(kind, struct.pack(form, value))


class Netlink:
    """Generic netlink, one request and its answer at a time."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.socket.bind((0, 0))
        answer = self.ask(GENL_CONTROLLER, GET_FAMILY, attribute(ATTR_FAMILY_NAME, b"nbd\0"), 0)
        self.family = self.find(answer[4:], ATTR_FAMILY_ID)

    @staticmethod
    def find(data, wanted):
        while data:
            length, kind = struct.unpack_from("=HH", data)
            if kind == wanted:
                return struct.unpack_from("=H", data, 4)[0]
            data = data[(length + 3) & ~3:]
        raise OSError("the kernel has no nbd")

    def ask(self, family, command, attributes, flags=NLM_F_ACK):
        body = struct.pack("=BBH", command, 1, 0) + attributes
        self.socket.send(struct.pack("=IHHII", 16 + len(body), family, NLM_F_REQUEST | flags, 1, 0) + body)
        while True:
            answer = self.socket.recv(1 << 16)
            length, kind = struct.unpack_from("=IH", answer)
            if kind == NLMSG_ERROR:
                error = -struct.unpack_from("=i", answer, 16)[0]
                if error:
                    raise OSError(error, f"nbd: {os.strerror(error)}")
                return b""
            if not flags:
                return answer[16:length]
            # The answer to CONNECT precedes the acknowledgement.


def receive(peer, size):
    data = peer.recv(size, socket.MSG_WAITALL)
    if len(data) != size:
        raise ConnectionError("the server has hung up")
    return data


def negotiate(path):
    """A connection ready for requests, with the export's size and flags."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.connect(path)
    magic, option_magic, flags = struct.unpack(">8sQH", receive(peer, 18))
    if magic != b"NBDMAGIC" or option_magic != IHAVEOPT:
        raise ConnectionError("not an NBD server")
    peer.sendall(struct.pack(">I", flags & (FIXED_NEWSTYLE | NO_ZEROES)))
    peer.sendall(struct.pack(">QIIIH", IHAVEOPT, OPTION_GO, 6, 0, 0))
    size = export_flags = None
    while True:
        _, _, kind, length = struct.unpack(">QIII", receive(peer, 20))
        data = receive(peer, length) if length else b""
        if kind == REPLY_ACK:
            return peer, size, export_flags
        if kind != REPLY_INFO:
            raise ConnectionError(f"the server refuses ({kind:#x})")
        if struct.unpack_from(">H", data)[0] == INFO_EXPORT:
            size, export_flags = struct.unpack_from(">QH", data, 2)


def give_sockets(command, path, index, connections, more):
    """For a process that exits afterwards: the kernel keeps the connections."""
    peers = [negotiate(path) for _ in range(connections)]
    items = b"".join(attribute(SOCKET_ITEM | NLA_F_NESTED, number(SOCKET_FD, peer.fileno(), "=I"))
                     for peer, _, _ in peers)
    _, size, flags = peers[0]
    netlink = Netlink()
    netlink.ask(netlink.family, command,
                number(INDEX, index, "=I") + number(SIZE, size) + number(BLOCK_SIZE, 512) +
                number(SERVER_FLAGS, flags) + more + attribute(SOCKETS | NLA_F_NESTED, items))


def connect(path, index, connections, timeout, dead_timeout):
    give_sockets(CONNECT, path, index, connections,
                 number(TIMEOUT, timeout) + number(DEAD_TIMEOUT, dead_timeout))


def reconnect(path, index, connections):
    give_sockets(RECONFIGURE, path, index, connections, b"")
