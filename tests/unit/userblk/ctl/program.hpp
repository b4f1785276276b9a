// SPDX-License-Identifier: MIT
#pragma once

#include <Poco/Pipe.h>
#include <Poco/PipeStream.h>
#include <Poco/Process.h>
#include <Poco/StreamCopier.h>
#include <ostream>
#include <string>
#include <vector>

namespace userblk::tests {

/// What a program did.
struct Outcome {
    int status = -1;
    std::string out, err;
};

inline std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
    return stream << "status " << outcome.status << "\nout: " << outcome.out
                  << "\nerr: " << outcome.err;
}

/// Runs a program to its end; what it prints must fit into a pipe.
inline Outcome run(const std::string& program, const std::vector<std::string>& arguments) {
    Poco::Pipe out, err;
    const auto process = Poco::Process::launch(program, arguments, nullptr, &out, &err);
    Outcome outcome;
    outcome.status = process.wait();
    Poco::PipeInputStream out_stream(out), err_stream(err);
    Poco::StreamCopier::copyToString(out_stream, outcome.out);
    Poco::StreamCopier::copyToString(err_stream, outcome.err);
    return outcome;
}

// Words that users of the tools should never see.
inline bool shows_internals(const std::string& text) {
    for (const char* word :
         {"std::", "terminate called", "what():", "Poco::", "CLI::", "basic_string"})
        if (text.find(word) != std::string::npos)
            return true;
    return false;
}

} // namespace userblk::tests
