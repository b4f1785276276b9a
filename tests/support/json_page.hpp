// SPDX-License-Identifier: MIT
//
// Checks the tools' output against docs/json.md.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace userblk::test {

class JsonPage {
public:
    JsonPage(); // reads docs/json.md; throws if it has no keys

    // What is wrong with a text that `printer` (a word of the column "printed by") has printed:
    // keys that the page does not list for it, or lists with another type. `text` may hold several
    // lines, each a JSON text. Keys found in it are not missing() from then on.
    std::vector<std::string> faults(const std::string& printer, const std::string& text);

    // Keys that the page lists for this printer and that no text so far had.
    std::vector<std::string> missing(const std::string& printer) const;

private:
    struct Key {
        std::string type;
        std::set<std::string> printers;
    };
    friend class JsonWalk;

    std::string type_of(const std::string& printer, const std::string& key) const;
    std::set<std::string> keys_of(const std::string& printer) const;

    std::map<std::string, Key> keys_;
    std::map<std::string, std::set<std::string>> seen_; // keys, by printer
};

// For a test's failure message.
std::string lines(const std::vector<std::string>& texts);

} // namespace userblk::test
