// SPDX-License-Identifier: MIT
#include "userblk/nbd/nbd_connection.hpp"

#include "ioctl/error.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <utility>

namespace userblk {

namespace {

/// A host that has vanished is noticed after this many seconds without an acknowledgement.
constexpr int vanished_s = 30;

void set(int fd, int level, int option, int value) noexcept {
    // A Unix socket has no such options, and needs none.
    [[maybe_unused]] const int done = ::setsockopt(fd, level, option, &value, sizeof(value));
}

void notice_vanished_hosts(int fd) noexcept {
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, vanished_s / 3);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, vanished_s / 3);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, vanished_s * 1000);
}

int on_completion(void* context, int* error) {
    auto& command = *static_cast<NbdCommand*>(context);
    command.called = true;
    command.done.complete(abi::errno_code(*error));
    return 1; // the command is over
}

// Follows the other in any case; alone, when a handle is closed.
void on_free(void* context) {
    auto& command = *static_cast<NbdCommand*>(context);
    if (!std::exchange(command.called, true))
        command.done.complete(abi::errno_code(ENOTCONN));
}

nbd_completion_callback callback_of(NbdCommand& command) noexcept {
    return {.callback = on_completion, .user_data = &command, .free = on_free};
}

} // namespace

/// The descriptor of a connection that is used.
class NbdConnection::Link final : public Watch {
public:
    Link(EventLoop& loop, NbdConnection& connection,
         std::function<void(const std::string& why)> lost)
        : Watch(loop, connection.fd()), connection_(connection), lost_(std::move(lost)) {}

    void lose(const std::string& why) {
        want(0);
        if (const auto lost = std::exchange(lost_, {}))
            lost(why); // destroys this object
    }

private:
    void on_ready(short ready) override {
        try {
            connection_.notify(ready);
        } catch (const std::exception& error) {
            return lose(error.what());
        }
        connection_.watch();
    }

    NbdConnection& connection_;
    std::function<void(const std::string& why)> lost_;
};

NbdConnection::NbdConnection(const std::string& uri)
    : nbd_(NbdLibrary::get()), handle_(nbd_.create()) {
    if (!handle_)
        throw std::runtime_error(reason());
    nbd_.set_uri_allow_local_file(handle_.get(), true); // keys of TLS
    nbd_.set_pread_initialize(handle_.get(), false);    // no data leaves after an error
    if (nbd_.aio_connect_uri(handle_.get(), uri.c_str()) < 0)
        throw std::runtime_error(reason());
}

NbdConnection::~NbdConnection() {
    link_.reset();
    if (handle_ && nbd_.aio_is_ready(handle_.get()) > 0)
        nbd_.aio_disconnect(handle_.get(), 0);
}

std::string NbdConnection::reason() const {
    const char* const text = nbd_.get_error();
    return text != nullptr ? text : "the connection ended";
}

bool NbdConnection::is_lost() const noexcept {
    return nbd_.aio_is_dead(handle_.get()) != 0 || nbd_.aio_is_closed(handle_.get()) != 0;
}

bool NbdConnection::is_connecting() const {
    return nbd_.aio_is_connecting(handle_.get()) > 0;
}

int NbdConnection::fd() const {
    return nbd_.aio_get_fd(handle_.get());
}

short NbdConnection::events() const {
    const unsigned direction = nbd_.aio_get_direction(handle_.get());
    short events = 0;
    if ((direction & LIBNBD_AIO_DIRECTION_READ) != 0)
        events |= POLLIN;
    if ((direction & LIBNBD_AIO_DIRECTION_WRITE) != 0)
        events |= POLLOUT;
    return events;
}

// The direction decides which of the two libnbd can take.
void NbdConnection::notify(short ready) {
    const auto wanted = events();
    int result = 0;
    if ((wanted & POLLIN) != 0 && (ready & (POLLIN | POLLHUP)) != 0)
        result = nbd_.aio_notify_read(handle_.get());
    else if ((wanted & POLLOUT) != 0 && (ready & (POLLOUT | POLLHUP)) != 0)
        result = nbd_.aio_notify_write(handle_.get());
    else if ((ready & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        throw std::runtime_error("the connection broke");
    if (result < 0)
        throw std::runtime_error(reason());
    if (is_lost())
        throw std::runtime_error("the server closed the connection");
}

NbdExport NbdConnection::about() const {
    auto* const handle = handle_.get();
    const auto size = nbd_.get_size(handle);
    if (size < 0)
        throw std::runtime_error(reason());
    const auto block = [&](int which) {
        const auto bytes = nbd_.get_block_size(handle, which);
        return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
    };
    NbdExport about;
    about.size = static_cast<std::uint64_t>(size);
    about.read_only = nbd_.is_read_only(handle) > 0;
    about.rotational = nbd_.is_rotational(handle) > 0;
    about.flush = nbd_.can_flush(handle) > 0;
    about.fua = nbd_.can_fua(handle) > 0;
    about.trim = nbd_.can_trim(handle) > 0;
    about.zero = nbd_.can_zero(handle) > 0;
    about.several_connections = nbd_.can_multi_conn(handle) > 0;
    about.least_block = std::max<std::uint64_t>(block(LIBNBD_SIZE_MINIMUM), 1);
    about.preferred_block = block(LIBNBD_SIZE_PREFERRED);
    about.most_bytes = block(LIBNBD_SIZE_MAXIMUM);
    return about;
}

void NbdConnection::attach(EventLoop& loop, std::function<void(const std::string& why)> lost) {
    notice_vanished_hosts(fd());
    link_ = std::make_unique<Link>(loop, *this, std::move(lost));
    watch();
}

void NbdConnection::watch() noexcept {
    link_->want(events());
}

// --------------------------------------------------------------------- commands

// A command that was not begun is over, too: its callback has been freed.
std::error_code NbdConnection::begun(std::int64_t cookie, const NbdCommand&) noexcept {
    if (cookie >= 0) {
        watch();
        return {};
    }
    const int error = nbd_.get_errno();
    return abi::errno_code(is_lost() || error == 0 ? ENOTCONN : error);
}

std::error_code NbdConnection::read(NbdCommand& command, std::uint64_t offset,
                                    std::span<std::byte> data) {
    return begun(
        nbd_.aio_pread(handle_.get(), data.data(), data.size(), offset, callback_of(command), 0),
        command);
}

std::error_code NbdConnection::write(NbdCommand& command, std::uint64_t offset,
                                     std::span<const std::byte> data, bool fua) {
    return begun(nbd_.aio_pwrite(handle_.get(), data.data(), data.size(), offset,
                                 callback_of(command), fua ? LIBNBD_CMD_FLAG_FUA : 0),
                 command);
}

std::error_code NbdConnection::flush(NbdCommand& command) {
    return begun(nbd_.aio_flush(handle_.get(), callback_of(command), 0), command);
}

std::error_code NbdConnection::trim(NbdCommand& command, std::uint64_t offset,
                                    std::uint64_t length) {
    return begun(nbd_.aio_trim(handle_.get(), length, offset, callback_of(command), 0), command);
}

std::error_code NbdConnection::zero(NbdCommand& command, std::uint64_t offset, std::uint64_t length,
                                    bool fua, bool keep_allocated) {
    const auto flags =
        (fua ? LIBNBD_CMD_FLAG_FUA : 0U) | (keep_allocated ? LIBNBD_CMD_FLAG_NO_HOLE : 0U);
    return begun(nbd_.aio_zero(handle_.get(), length, offset, callback_of(command), flags),
                 command);
}

} // namespace userblk
