// SPDX-License-Identifier: MIT
#include "tests/system/support/system_test.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace userblk::test {

bool long_form() {
    return std::getenv("USERBLK_TEST_LONG") != nullptr;
}

void figure(const std::string& name, const std::string& value) {
    std::printf("[ figure   ] %s: %s\n", name.c_str(), value.c_str());
    std::fflush(stdout);
}

void figure(const std::string& name, std::vector<double> values) {
    if (values.empty())
        return figure(name, "none");
    std::sort(values.begin(), values.end());
    char text[100];
    std::snprintf(text, sizeof(text), "median %.0f ms, maximum %.0f ms, of %zu",
                  values[values.size() / 2], values.back(), values.size());
    figure(name, text);
}

userblk_config full_config(std::uint64_t size) {
    userblk_config config = test_config(size);
    config.flags |= USERBLK_F_CACHE | USERBLK_F_FUA | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    return config;
}

int write_setting(const std::string& path, const std::string& text) {
    const Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.open())
        return errno;
    return write(fd.get(), text.data(), text.size()) < 0 ? errno : 0;
}

std::string read_setting(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    return line;
}

std::uint64_t allocated(const std::string& path) {
    struct stat about {};
    if (stat(path.c_str(), &about))
        throw_errno("unable to look at " + path);
    return static_cast<std::uint64_t>(about.st_blocks) * 512;
}

std::uint64_t size_of_block_device(const std::string& path) {
    const Fd fd = open_file(path, O_RDONLY);
    std::uint64_t size = 0;
    if (ioctl(fd.get(), BLKGETSIZE64, &size))
        throw_errno("unable to ask for the size of " + path);
    return size;
}

Mount::Mount(const std::string& source, const std::string& point, const Arguments& options)
    : point_(point) {
    Arguments argv{"mount"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {source, point});
    std::filesystem::create_directories(point);
    const Outcome outcome = run(argv);
    mounted_ = !outcome.status;
    EXPECT_TRUE(mounted_) << outcome.text();
}

Mount::~Mount() {
    if (!mounted_)
        return;
    Program umount({"umount", point_});
    if (eventually([&] { return !umount.running(); }, 20s) && !umount.wait().status)
        return;
    ADD_FAILURE() << point_ << " cannot be unmounted: " << umount.err();
    for (const userblk_list_entry& device : list_devices())
        remove_device(device.number, USERBLK_REMOVE_FORCE);
    run({"umount", "--lazy", point_});
}

void Mount::unmount() {
    mounted_ = false;
    succeed({"umount", point_});
}

void make_file_system(const std::string& type, const std::string& device) {
    if (type == "xfs")
        succeed({"mkfs.xfs", "-q", "-f", device}, 3 * patience);
    else
        succeed({"mkfs." + type, "-q", "-F", device}, 3 * patience);
}

void check_file_system(const std::string& type, const std::string& device) {
    if (type == "xfs")
        succeed({"xfs_repair", "-n", device}, 3 * patience);
    else
        succeed({"e2fsck", "-f", "-n", device}, 3 * patience);
}

const std::string& sample_tree() {
    static const std::string path = [] {
        const std::string folder = "/tmp/userblk-sample-" + std::to_string(getpid());
        shell("mkdir \"$1\"; cd /usr/include/linux; cp -a $2 \"$1\"",
              {folder, in_form(".", "[a-c]*.h netfilter")}, 4 * patience);
        return folder;
    }();
    return path;
}

std::string checksum_of_tree(const std::string& folder) {
    return shell(
        "cd \"$1\"; find . -path ./lost+found -prune -o -type f -print0 | LC_ALL=C sort -z | "
        "xargs -0 -r sha256sum | sha256sum",
        {folder}, 4 * patience);
}

void SystemTest::SetUp() {
    KernelTest::SetUp();
    char path[] = "/tmp/userblk-system-XXXXXX";
    if (!mkdtemp(path))
        throw_errno("unable to make a folder");
    folder_ = path;
}

void SystemTest::TearDown() {
    reap_strays();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    KernelTest::TearDown();
}

std::string SystemTest::make_file(const std::string& name, std::uint64_t size) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path).close();
    std::filesystem::resize_file(path, size);
    return path;
}

} // namespace userblk::test
