// SPDX-License-Identifier: MIT
//
// docs/json.md, held against what the tools print.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace userblk::test {

class JsonPage {
public:
    JsonPage(); // reads docs/json.md; throws if there are no keys in it

    // What is wrong with a text that `printer` (a word of the column "printed by") has printed:
    // keys that the page does not have for it, or has with another type. It may be several lines,
    // each a text. Keys that were there are not missing() from then on.
    std::vector<std::string> faults(const std::string& printer, const std::string& text);

    // What the page says that it prints, and nothing that was looked at did.
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

// For a message of a test.
std::string lines(const std::vector<std::string>& texts);

} // namespace userblk::test
