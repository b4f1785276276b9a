// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/log.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace userblk::ctl {

/// The device of a serve command, and what happens to it when the command ends. With --create it
/// is removed, unless it is in use or others serve it too.
class ServedDevice {
public:
    enum class AtEnd {
        keep,
        remove,
        remove_if_alone ///< others served it before; remove it if they no longer do
    };

    ServedDevice(std::uint32_t number, AtEnd at_end) : number_(number), at_end_(at_end) {}
    /// A device that this command has created.
    ServedDevice(std::uint32_t number, AtEnd at_end, std::uint64_t diskseq)
        : number_(number), at_end_(at_end), is_made_(true), diskseq_(diskseq) {}
    /// From the program that this one has replaced; see note().
    static ServedDevice from_note(std::uint32_t number, const std::string& note);

    std::uint32_t number() const noexcept { return number_; }
    bool is_made() const noexcept { return is_made_; }
    /// For PoolOptions::reexec_note.
    std::string note() const;

    /// Records which device has the number now: later it may be another one.
    /// @throws std::exception if there is none
    void identify();

    /// For PoolOptions::may_stop: removes the device while it is still served, so that programs
    /// that open it briefly, as udev does after the last close, get answers. Empty if the device is
    /// not to be removed.
    std::function<bool()> removal_before_stop(unsigned own_workers) const;
    /// Removes it, if that is due. A device in use stays: I/O to it blocks until it is served
    /// again.
    void remove_at_end(const LogFunction& log) const;
    /// The command has failed: removes the device if the command created it, because nobody else
    /// knows about it.
    void undo() const noexcept;

private:
    std::string describe_other_servers() const;

    std::uint32_t number_;
    AtEnd at_end_;
    bool is_made_ = false;
    std::uint64_t diskseq_ = 0; ///< 0: unknown so far
};

/// The pids of the supervisors of device @p number, except this process; empty: there are none.
std::string describe_other_supervisors(std::uint32_t number);

} // namespace userblk::ctl
