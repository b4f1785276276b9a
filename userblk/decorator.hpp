// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"

#include <memory>

namespace userblk {

/// A backend in front of another that may change the data on the way: a layer that
/// encrypts, compresses or adds checksums. All data passes through it: it forwards reads,
/// writes and flushes, and nothing that would let data bypass read() and write(). So
/// write_zeroes() calls the derived class's write() with zeros, discard() is not supported,
/// and describe() offers neither; mapping(), reads_as_zeroes(), redirect() and wants_data()
/// have the defaults of Backend. A class that can support one of them for its own data
/// overrides it and describe(), and calls inner().
///
/// For a layer that leaves data unchanged see TransparentDecorator.
class Decorator : public Backend {
public:
    /// @throws std::invalid_argument if @p inner is null
    explicit Decorator(std::shared_ptr<Backend> inner);

    Description describe() const override;
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code preload() noexcept override;
    std::error_code fence(const DeadClient& dead) const override;
    std::vector<StoreFile> store_files() const override;

protected:
    Backend& inner() const noexcept { return *inner_; }

private:
    std::shared_ptr<Backend> inner_;
};

/// A decorator that leaves data unchanged, and so also forwards discards and zeroes.
/// Decorators compose in any order:
///
///     auto store = std::make_shared<FileBackend>("disk.img");
///     auto slow = std::make_shared<DelayBackend>(store, 10ms);
///     auto logged = std::make_shared<LogBackend>(slow, log);
///
/// A derived class overrides around(), which sees every operation, instead of the
/// operations themselves.
///
/// Not for a layer whose read() transforms what its write() stored: forwarded zeros
/// would read as noise.
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
    /// not outlive that call. May be called several times, or not at all.
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

    /// Runs for each operation, in any number of threads at a time, and returns the
    /// operation's result. Default: proceed().
    virtual std::error_code around(const Operation& operation, const Proceed& proceed);
};

} // namespace userblk
