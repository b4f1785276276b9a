// SPDX-License-Identifier: MIT
#include "userblk/store/store_name_check.hpp"

#include "tests/unit/userblk/temporary.hpp"
#include "userblk/store/file_io.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk {
namespace {

namespace fs = std::filesystem;

class StoreLookTest : public testing::Test {
protected:
    std::string make(const std::string& name) const { return folder.text(name, name); }

    test::TemporaryFolder folder;
    std::string path = make("store");
    abi::FileDescriptor file = abi::FileDescriptor::open(path.c_str(), O_RDWR);
    StoreNameCheck check{file.get(), path};

    static std::optional<StoreName> state(StoreNameCheck& name) {
        if (const auto known = name.check())
            return known;
        pollfd entry{name.lookup_fd(), POLLIN, 0};
        EXPECT_EQ(::poll(&entry, 1, 60'000), 1);
        return name.result();
    }
    std::optional<StoreName> state() { return state(check); }
};

// The file is removed.
TEST_F(StoreLookTest, SeesARemoval) {
    EXPECT_EQ(state(), StoreName::same);
    fs::remove(path);
    EXPECT_EQ(state(), StoreName::removed);
}

// The file is renamed, and renamed back.
TEST_F(StoreLookTest, SeesARenamingThereAndBack) {
    fs::rename(path, folder.path() / "aside");
    EXPECT_EQ(state(), StoreName::removed);
    fs::rename(folder.path() / "aside", path);
    EXPECT_EQ(state(), StoreName::same);
}

// Another file is moved over it.
TEST_F(StoreLookTest, SeesAnotherFile) {
    fs::rename(make("other"), path);
    EXPECT_EQ(state(), StoreName::replaced);
}

// Its folder is renamed: a lookup by name fails.
TEST_F(StoreLookTest, SeesThatAFolderIsGone) {
    const auto inside = make("in/store");
    const auto fd = abi::FileDescriptor::open(inside.c_str(), O_RDWR);
    StoreNameCheck other(fd.get(), inside);
    EXPECT_EQ(state(other), StoreName::same);
    fs::rename(folder.path() / "in", folder.path() / "out");
    EXPECT_EQ(state(other), StoreName::removed);
}

// The store is named by a link, which is switched to another file.
TEST_F(StoreLookTest, FollowsLinks) {
    const auto link = folder.path() / "link";
    fs::create_symlink(path, link);
    StoreNameCheck by_link(file.get(), link);
    EXPECT_EQ(state(by_link), StoreName::same);
    fs::remove(link);
    fs::create_symlink(make("other"), link);
    EXPECT_EQ(state(by_link), StoreName::replaced);
}

// A folder on the way is a link, which is turned.
TEST_F(StoreLookTest, FollowsLinksToFolders) {
    const auto link = folder.path() / "current";
    make("one/store");
    make("two/store");
    fs::create_directory_symlink("one", link);
    const auto fd = abi::FileDescriptor::open((link / "store").c_str(), O_RDWR);
    StoreNameCheck by_link(fd.get(), link / "store");
    EXPECT_EQ(state(by_link), StoreName::same);
    fs::remove(link);
    fs::create_directory_symlink("two", link);
    EXPECT_EQ(state(by_link), StoreName::replaced);
}

// What the kernel does not have in memory is looked up elsewhere: links in /proc never are.
TEST_F(StoreLookTest, LooksUpWhatIsNotInMemory) {
    const auto far = "/proc/" + std::to_string(::getpid()) + "/root" + path;
    StoreNameCheck name(file.get(), far);
    EXPECT_EQ(name.check(), std::nullopt);
    EXPECT_EQ(state(name), StoreName::same);
    EXPECT_EQ(name.lookup_fd(), -1);
    fs::rename(make("other"), path);
    EXPECT_EQ(state(name), StoreName::replaced);
    fs::remove(path);
    EXPECT_EQ(state(name), StoreName::removed);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

// Another name of the same file is as good as the one it was opened by.
TEST_F(StoreLookTest, TakesTheSameFileForTheSame) {
    fs::create_hard_link(path, folder.path() / "other");
    fs::remove(path);
    fs::create_symlink(folder.path() / "other", path);
    EXPECT_EQ(state(), StoreName::same);
}

// Without a file, or without a name, there is nothing to compare.
TEST_F(StoreLookTest, WithoutAFileSeesNothing) {
    EXPECT_EQ(StoreNameCheck(-1, path).check(), StoreName::same);
    EXPECT_EQ(StoreNameCheck(file.get(), "").check(), StoreName::same);
}

// Reopening gives another open file, of the same file, by any name.
TEST_F(StoreLookTest, OpensTheSameFileAgain) {
    fs::rename(make("other"), path);
    const auto again = open_again(file.get(), path, O_RDONLY);
    EXPECT_EQ(file_identity(again.get()), file_identity(file.get()));
    EXPECT_EQ(::fcntl(again.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(::fcntl(again.get(), F_GETFD), FD_CLOEXEC);
}

} // namespace
} // namespace userblk
