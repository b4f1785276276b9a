// SPDX-License-Identifier: MIT
//
// The calls of a 32-bit program: the same structures through the kernel's compat entry.
#include <cstring>

#include <sys/mman.h>

#include "tests/support/kernel_test.hpp"

namespace userblk::test {

#ifdef __x86_64__

class ThirtyTwoBit : public KernelTest {
protected:
    static constexpr std::size_t size = 1 << 20;

    ThirtyTwoBit()
        : memory_(
              static_cast<std::uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0))) {}
    ~ThirtyTwoBit() override { munmap(memory_, size); }

    // Memory that a 32-bit program can address.
    template <class T>
    T* place(std::size_t at, const T& value = {}) {
        auto* result = reinterpret_cast<T*>(memory_ + at);
        std::memcpy(result, &value, sizeof(T));
        return result;
    }
    // ioctl() through the 32-bit system call entry: 0 or an errno.
    static int ioctl32(int fd, unsigned long command, void* argument) {
        long result = 54; // __NR_ioctl there
        asm volatile("int $0x80"
                     : "+a"(result)
                     : "b"(static_cast<long>(fd)), "c"(command), "d"(argument)
                     : "memory", "r8", "r9", "r10", "r11");
        return static_cast<int>(-result);
    }

    std::uint8_t* memory_;
};

// A device is created, served and removed without a single 64-bit call.
TEST_F(ThirtyTwoBit, ProgramDoesItAll) {
    const Fd control_device = open_file(control_device_path, O_RDWR);
    auto* config = place(0, test_config());
    const int error = ioctl32(control_device.get(), USERBLK_CREATE, config);
    USERBLK_REQUIRES(error != ENOSYS, "a kernel with the 32 bit calls");
    ASSERT_EQ(error, 0);
    const std::string number = std::to_string(config->number);
    {
        const Fd control = open_file("/dev/userblkc" + number, O_RDWR);
        const Fd block = open_file("/dev/userblk" + number, O_RDONLY | O_DIRECT);
        Buffer read(4096);
        EXPECT_EQ(ioctl32(control.get(), USERBLK_GET,
                          place(8192, get_argument({place<userblk_request>(4096), 1}, no_wait))),
                  0);
        const Io io = start_thread([&] { return pread(block.get(), read.data(), 4096, 8192) < 0; });
        auto* request = place<userblk_request>(4096);
        auto* get = place(8192, get_argument({request, 1}, a_while));
        EXPECT_EQ(ioctl32(control.get(), USERBLK_GET, get), 0);
        EXPECT_EQ(get->count, 1u);
        EXPECT_EQ(request->offset, 8192u);
        auto* taken = place<userblk_taken>(12288);
        auto* told = place(16384, info_argument({taken, 1}));
        EXPECT_EQ(ioctl32(control.get(), USERBLK_INFO, told), 0);
        EXPECT_EQ(told->taken_count, 1u);
        EXPECT_EQ(taken->id, request->id);
        auto* reset = place<userblk_reset>(20480);
        reset->which = USERBLK_RESET_ID;
        reset->id = request->id;
        EXPECT_EQ(ioctl32(control.get(), USERBLK_RESET, reset), 0);
        EXPECT_EQ(reset->count, 1u);
        auto* serve = place(24576, serve_argument({}, {request, 1}, a_while));
        EXPECT_EQ(ioctl32(control.get(), USERBLK_SERVE, serve), 0);
        EXPECT_EQ(serve->get.count, 1u);
        fill_pattern(memory_ + 32768, 4096, 1);
        auto* answer = place(28672, complete_read(request->id, memory_ + 32768, 4096));
        auto* put = place(29696, put_argument({answer, 1}));
        EXPECT_EQ(ioctl32(control.get(), USERBLK_PUT, put), 0);
        EXPECT_EQ(put->failed, 0u);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(read, pattern(4096, 1));
        auto* resize = place(36864, userblk_resize{1 << 20, 0, 0});
        EXPECT_EQ(ioctl32(control.get(), USERBLK_RESIZE, resize), 0);
        EXPECT_EQ(ioctl32(control.get(), USERBLK_WAKE, place(36864, userblk_wake{1, 0})), 0);
    }
    auto* list = place<userblk_list>(40960);
    list->entry_size = sizeof(userblk_list_entry);
    EXPECT_EQ(ioctl32(control_device.get(), USERBLK_LIST, list), 0);
    EXPECT_EQ(list->total, 1u);
    auto* remove = place(45056, userblk_remove{config->number, USERBLK_REMOVE_FORCE, 0});
    EXPECT_EQ(ioctl32(control_device.get(), USERBLK_REMOVE, remove), 0);
}

#endif

} // namespace userblk::test
