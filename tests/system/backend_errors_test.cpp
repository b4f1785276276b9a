// SPDX-License-Identifier: MIT
//
// A backend that fails: which errors users of the device see, and what the log says.
#include <algorithm>
#include <future>
#include <mutex>
#include <regex>
#include <stdexcept>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/library_driver.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

// Fails every call with the error that its offset selects; succeeds where the offset selects none.
class FailingBackend : public Backend {
public:
    static constexpr std::uint64_t block = 64 << 10; // between offsets, so that nothing is merged

    enum Place : std::uint64_t {
        fine,
        full,
        negative,
        too_large,
        foreign,
        exception,
        thrown_number
    };

    Description describe() const override {
        return {.size = mib, .cache = true, .discard = true, .write_zeroes = true};
    }
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
        std::fill(data.begin(), data.end(), std::byte(7));
        return result(offset);
    }
    std::error_code write(std::uint64_t offset, std::span<const std::byte>, WriteFlags) override {
        return result(offset);
    }
    std::error_code flush() override { return std::make_error_code(std::errc::timed_out); }
    // Too short for any request.
    std::span<std::byte> mapping(std::uint64_t, std::size_t, Access) noexcept override {
        return short_mapping ? std::span<std::byte>(bytes_) : std::span<std::byte>();
    }

    bool short_mapping = false;

private:
    static std::error_code result(std::uint64_t offset) {
        switch (offset / block) {
        case full:
            return std::make_error_code(std::errc::no_space_on_device);
        case negative:
            return {-ENOSPC, std::system_category()};
        case too_large:
            return {70'000, std::generic_category()};
        case foreign:
            return std::make_error_code(std::future_errc::broken_promise);
        case exception:
            throw std::runtime_error("the tape has torn");
        case thrown_number:
            throw 5;
        default:
            return {};
        }
    }

    std::array<std::byte, 512> bytes_{};
};

class BackendErrors : public SystemTest {
protected:
    LogFunction log() {
        return [this](LogLevel level, const std::string& text) {
            const std::lock_guard guard(mutex_);
            lines_.push_back(std::string(to_string(level)) + ": " + text);
        };
    }
    std::vector<std::string> lines() const {
        const std::lock_guard guard(mutex_);
        return lines_;
    }
    // The number of lines that contain the text.
    long count(const std::string& text) const {
        const auto all = lines();
        return std::count_if(all.begin(), all.end(), [&](const std::string& line) {
            return line.find(text) != std::string::npos;
        });
    }
    std::string all() const {
        std::string text;
        for (const auto& line : lines())
            text += line + "\n";
        return text;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

// Each error reaches the user as it is, or as an I/O error if the kernel does not know it. The log
// names the device, the operation, the offset and the error, once for each.
TEST_F(BackendErrors, AreAnsweredAndLoggedAsWhatTheyAre) {
    TestDevice device(full_config(mib));
    const LibraryDriver driver(device, std::make_shared<FailingBackend>(), 1, log());
    const struct {
        FailingBackend::Place place;
        int result;
        std::string text;
    } cases[] = {
        {FailingBackend::full, ENOSPC, "No space left on device"},
        {FailingBackend::negative, ENOSPC,
         "No space left on device (system:-28, a negative errno)"},
        {FailingBackend::too_large, EIO,
         "Unknown error 70000 (generic:70000, answered as Input/output error)"},
        {FailingBackend::foreign, EIO, "Broken promise (future:4, answered as Input/output error)"},
        {FailingBackend::exception, EIO, "exception: the tape has torn"},
        {FailingBackend::thrown_number, EIO, "exception: of no type of the standard library"},
    };
    EXPECT_EQ(device.read(0, 4096)->result(), 0);
    for (const auto& [place, result, text] : cases) {
        const auto offset = place * FailingBackend::block;
        EXPECT_EQ(device.write(offset, pattern(4096, 1))->result(), result) << text;
        const std::string line = "error: " + device.name() + ": write of 4K at " +
                                 std::to_string(offset) + " failed: " + text;
        EXPECT_TRUE(eventually([&] { return count(line) == 1; }))
            << line << " is not exactly once in\n"
            << all();
    }
    EXPECT_EQ(device.read(FailingBackend::full * FailingBackend::block, 4096)->result(), ENOSPC);
    EXPECT_EQ(device.flush()->result(), ETIMEDOUT);
    EXPECT_TRUE(eventually([&] {
        return count(": read of 4K at 65536 failed: No space left on device") == 1 &&
               count(": flush failed: Connection timed out") == 1;
    })) << all();
}

// A backend that fails every request does not fill the log: it gets a few lines, and their count
// misses no error.
TEST_F(BackendErrors, AreCountedWhenTooManyToLog) {
    constexpr int many = 100;
    TestDevice device(full_config(mib));
    {
        const LibraryDriver driver(device, std::make_shared<FailingBackend>(), 2, log());
        for (int i = 0; i < many; i++)
            EXPECT_EQ(device.write(FailingBackend::full * FailingBackend::block, pattern(4096, 1))
                          ->result(),
                      ENOSPC);
    }
    long told = 0, counted = 0;
    const std::regex left_out(
        "; ([0-9]+) errors? before this one not logged|: ([0-9]+) more errors");
    for (const auto& line : lines()) {
        told += line.find(" failed: ") != std::string::npos;
        std::smatch found;
        if (std::regex_search(line, found, left_out))
            counted += std::stol(found[1].matched ? found[1] : found[2]);
    }
    EXPECT_LT(told, many) << all();
    EXPECT_EQ(told + counted, many) << all();
}

// A backend maps less memory than requested. The mapping is rejected and reported as wrong; read()
// and write() still work.
TEST_F(BackendErrors, ATooShortMappingIsReportedAndNotUsed) {
    TestDevice device(full_config(mib));
    const auto store = std::make_shared<FailingBackend>();
    store->short_mapping = true;
    const LibraryDriver driver(device, store, 1, log());
    const Io reader = device.read(0, 4096);
    EXPECT_EQ(reader->result(), 0);
    EXPECT_TRUE(reader->data().all(7));
    EXPECT_EQ(device.write(0, pattern(4096, 1))->result(), 0);
    EXPECT_TRUE(eventually([&] {
        return count("read of 4K at 0 got 512 bytes from the backend's mapping(), instead of "
                     "4096") == 1 &&
               count("write of 4K at 0 got 512 bytes") == 1;
    })) << all();
}

// The log of "userblkctl serve" carries the errors of its workers, with the store's name.
TEST_F(BackendErrors, AreInTheLogOfTheSupervisor) {
    TestDevice device(full_config(mib));
    Supervisor serve(device, "errors=1,null:", 1);
    EXPECT_EQ(device.read(8192, 4096)->result(), EIO);
    EXPECT_TRUE(eventually([&] {
        return serve.program().err().find("error: " + device.name() +
                                          ": read of 4K at 8192 failed: Input/output error "
                                          "[errors=1,null:]") != std::string::npos;
    })) << serve.program().err();
    serve.stop();
}

} // namespace userblk::test
