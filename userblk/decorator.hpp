// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"

#include <memory>

namespace userblk {

/// A backend that stands before another, and may give it other data than it was given:
/// an encrypting or compressing layer, one that adds checksums. It sees all data: reads,
/// writes and flushes are passed on, and nothing that would let data take a way past
/// read() and write(). So write_zeroes() calls the derived class's write() with zeros,
/// discard() is not supported, and describe() offers neither of both; mapping(),
/// reads_as_zeroes(), redirect() and wants_data() are those of a store that has none.
/// A class that can do one of them, in terms of its own data, overrides it and
/// describe(), and calls inner().
///
/// One that leaves the data as they are is a TransparentDecorator.
class Decorator : public Backend {
public:
    /// @throws std::invalid_argument if there is no @p inner
    explicit Decorator(std::shared_ptr<Backend> inner);

    Description describe() const override;
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code preload() noexcept override;
    std::vector<StoreFile> store_files() const override;

protected:
    Backend& inner() const noexcept { return *inner_; }

private:
    std::shared_ptr<Backend> inner_;
};

/// A decorator that leaves data as they are, and so passes on discards and zeroes, too.
/// Decorators can be composed in any order:
///
///     auto store = std::make_shared<FileBackend>("disk.img");
///     auto slow = std::make_shared<DelayBackend>(store, 10ms);
///     auto logged = std::make_shared<LogBackend>(slow, log);
///
/// A derived class overrides around(), which sees every operation, rather than the
/// operations themselves.
///
/// Not for a layer whose read() gives something else than what its write() has stored:
/// zeros that are passed on would be read as noise.
class TransparentDecorator : public Decorator {
public:
    using Decorator::Decorator;

    Description describe() const override;
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;

protected:
    /// Carries the operation out on inner(). Refers to the caller of around(), and so must
    /// not outlive that call. May be called again, or not at all.
    class Proceed {
    public:
        template <class Call>
        explicit Proceed(const Call& call) noexcept
            : call_(&call), invoke_([](const void* what) -> std::error_code {
                  return (*static_cast<const Call*>(what))();
              }) {}
        std::error_code operator()() const { return invoke_(call_); }

    private:
        const void* call_;
        std::error_code (*invoke_)(const void*);
    };

    /// What happens for each operation, from any number of threads at a time; its result is
    /// the operation's. Default: proceed().
    virtual std::error_code around(const Operation& operation, const Proceed& proceed);
};

} // namespace userblk
