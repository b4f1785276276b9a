// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace userblk::test {

/// A new, empty folder that is removed with the object.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = std::filesystem::temp_directory_path() / "userblk-test-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("unable to make a folder for a test");
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }

    /// A file of @p size zeros, none of them allocated.
    std::string file(const std::string& name, std::uint64_t size) const {
        const auto path = path_ / name;
        std::ofstream(path).close();
        std::filesystem::resize_file(path, size);
        return path;
    }

    /// A file with a text, with the folders above it.
    std::string text(const std::string& name, const std::string& content) const {
        const auto path = path_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << content;
        return path;
    }

private:
    std::filesystem::path path_;
};

inline std::vector<std::byte> filled(std::size_t size, unsigned char value) {
    return std::vector<std::byte>(size, std::byte(value));
}

} // namespace userblk::test
