// SPDX-License-Identifier: MIT
//
// RAID-0: a device striped over several files or disks in units of 256 KiB.
//
//     truncate -s 1G a.img b.img c.img
//     stripe [DEV] [--size 2G] [--workers 2] … -- a.img b.img c.img
//
// It only names places: the kernel reads and writes the files itself (REDIRECT), and
// no data passes through the driver. The same files in the same order give the same
// device. --size, or DEV, extends the files as needed; otherwise the smallest file
// determines the size.
#include <ioctl/error.hpp>
#include <userblk/userblk.hpp>

#include <algorithm>
#include <fcntl.h>
#include <limits>
#include <unistd.h>

namespace {

// The largest request, 4 MiB, spans at most 17 units: an answer may name 32.
constexpr std::uint64_t unit = 256 << 10;

class Stripe : public userblk::RedirectBackend {
public:
    explicit Stripe(const userblk::RunArguments& arguments) {
        const auto& paths = arguments.arguments;
        if (paths.empty() || paths.size() > userblk::Extents::capacity)
            throw std::invalid_argument("name 1 to 32 files after --: stripe -- a.img b.img");
        auto smallest = std::numeric_limits<off_t>::max();
        for (const auto& path : paths) {
            const int flags = arguments.read_only ? O_RDONLY : O_RDWR;
            files_.push_back(userblk::abi::FileDescriptor::open(path.c_str(), flags));
            smallest = std::min(smallest, lseek(files_.back().get(), 0, SEEK_END));
        }
        const auto units = smallest < 0 ? 0 : static_cast<std::uint64_t>(smallest) / unit;
        size_ = arguments.size_given ? arguments.size : units * unit * paths.size();
        if (size_ == 0)
            throw std::invalid_argument("the smallest file is smaller than 256 KiB; "
                                        "set the size of the device with --size");
        for (std::size_t i = 0; i < paths.size(); ++i) {
            const auto needed = static_cast<off_t>(below(i, size_));
            const int fd = files_[i].get();
            if (lseek(fd, 0, SEEK_END) < needed && ftruncate(fd, needed) < 0)
                userblk::abi::throw_errno("extend " + paths[i] + " to " + std::to_string(needed) +
                                          " bytes");
        }
    }

    userblk::Description describe() const override {
        userblk::Description description{.size = size_};
        description.cache = description.fua = true; // the files' page cache
        description.discard = description.write_zeroes = true;
        description.discard_granularity = 4096;
        description.chunk_size = description.io_min = unit; // one extent per request
        description.io_opt = static_cast<std::uint32_t>(unit * files_.size());
        return description;
    }

    std::error_code redirect(const userblk::Operation& operation, userblk::Extents& to) override {
        using Kind = userblk::Operation::Kind;
        const auto end = operation.offset + operation.length;
        // Data goes unit by unit. A device created by this driver needs only one.
        if (operation.kind == Kind::read || operation.kind == Kind::write) {
            for (auto at = operation.offset; at < end;) {
                const auto next = std::min(end, (at / unit + 1) * unit);
                const auto file = at / unit % files_.size();
                to.add(files_[file].get(), below(file, at), next - at);
                at = next;
            }
            return {};
        }
        // Others may have any length; within each file they are contiguous.
        for (std::size_t i = 0; i < files_.size(); ++i) {
            const auto from = below(i, operation.offset), length = below(i, end) - from;
            if (length > 0 || operation.kind == Kind::flush)
                to.add(files_[i].get(), from, length);
        }
        return {};
    }

private:
    // How many bytes of a file lie before a place on the device. In the file that
    // holds the place, this is its offset.
    std::uint64_t below(std::size_t file, std::uint64_t place) const noexcept {
        const auto row = unit * files_.size(), rest = place % row, before = file * unit;
        return place / row * unit + (rest > before ? std::min(rest - before, unit) : 0);
    }

    std::uint64_t size_ = 0;
    std::vector<userblk::abi::FileDescriptor> files_;
};

} // namespace

int main(int argc, char** argv) {
    return userblk::run<Stripe>(argc, argv);
}
