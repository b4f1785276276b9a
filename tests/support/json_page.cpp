// SPDX-License-Identifier: MIT
#include "tests/support/json_page.hpp"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace userblk::test {

namespace {

using Poco::Dynamic::Var;

// A rate is documented under its counter's name plus this suffix.
constexpr std::string_view rate_suffix = "_per_second";

std::set<std::string> words_of(const std::string& text) {
    std::istringstream words(text);
    std::set<std::string> all;
    for (std::string word; words >> word;)
        all.insert(word);
    return all;
}

std::string scalar_type(const Var& value) {
    if (value.isEmpty())
        return "null";
    if (value.isBoolean())
        return "boolean";
    if (value.isString())
        return "string";
    return value.isInteger() ? "integer" : "number";
}

bool is_object(const Var& value) {
    return value.type() == typeid(Poco::JSON::Object::Ptr);
}

bool is_array(const Var& value) {
    return value.type() == typeid(Poco::JSON::Array::Ptr);
}

// type: one of the types that the page uses.
bool fits(const Var& value, const std::string& type) {
    static const std::string array = "array of ";
    if (is_array(value)) {
        const auto list = value.extract<Poco::JSON::Array::Ptr>();
        for (const auto& one : *list)
            if (type != array + (is_object(one) ? "object" : scalar_type(one)) + "s")
                return false;
        return type.rfind(array, 0) == 0;
    }
    if (is_object(value))
        return type == "object";
    const auto is = scalar_type(value);
    return type == is || type == is + " or null" ||
           (is == "null" && type.size() > 8 && type.substr(type.size() - 8) == " or null") ||
           (is == "integer" && type == "counter");
}

} // namespace

// Walks one text and records which keys it has.
class JsonWalk {
public:
    JsonWalk(JsonPage& page, const std::string& printer, std::vector<std::string>& faults)
        : page_(page), printer_(printer), faults_(faults) {}

    void objects(const Var& value, const std::string& prefix) {
        if (is_array(value)) {
            for (const auto& one : *value.extract<Poco::JSON::Array::Ptr>())
                objects(one, prefix);
        } else if (is_object(value)) {
            for (const auto& [name, member] : *value.extract<Poco::JSON::Object::Ptr>())
                look_at(prefix + name, member);
        } else if (prefix.empty()) {
            faults_.push_back("neither an object nor an array of them");
        }
    }

private:
    void look_at(const std::string& key, const Var& value) {
        const auto type = page_.type_of(printer_, key);
        page_.seen_[printer_].insert(key);
        if (type.empty())
            faults_.push_back(key + " of " + printer_ + " is not described");
        else if (!fits(value, type))
            faults_.push_back(key + " of " + printer_ + " is no " + type + ": " + value.toString());
        objects(value, key + (is_array(value) ? "[]." : "."));
    }

    JsonPage& page_;
    const std::string& printer_;
    std::vector<std::string>& faults_;
};

JsonPage::JsonPage() {
    static const std::regex row(R"(\| `([^`]+)` \| ([a-z ]+) \| .* \| ([a-z ]+) \|)");
    std::ifstream page(USERBLK_JSON_PAGE);
    std::smatch parts;
    for (std::string line; std::getline(page, line);)
        if (std::regex_match(line, parts, row) &&
            !keys_.emplace(parts[1], Key{parts[2], words_of(parts[3])}).second)
            throw std::runtime_error("docs/json.md has " + parts[1].str() + " twice");
    if (keys_.empty())
        throw std::runtime_error("docs/json.md has no table of keys");
}

std::set<std::string> JsonPage::keys_of(const std::string& printer) const {
    std::set<std::string> all;
    for (const auto& [name, key] : keys_)
        if (key.printers.count(printer) > 0)
            all.insert(printer == "rates" && key.type == "counter" ? name + std::string(rate_suffix)
                                                                   : name);
    return all;
}

std::string JsonPage::type_of(const std::string& printer, const std::string& key) const {
    if (keys_of(printer).count(key) == 0)
        return {};
    const auto found = keys_.find(key);
    return found != keys_.end() ? found->second.type : "counter";
}

std::vector<std::string> JsonPage::faults(const std::string& printer, const std::string& text) {
    std::vector<std::string> found;
    JsonWalk walk(*this, printer, found);
    const auto take = [&](const std::string& one) {
        try {
            walk.objects(Poco::JSON::Parser().parse(one), "");
        } catch (const Poco::Exception& error) {
            found.push_back(error.displayText() + " in " + one);
        }
    };
    if (text.find("\n{") == std::string::npos) {
        take(text);
        return found;
    }
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        take(line);
    return found;
}

std::vector<std::string> JsonPage::missing(const std::string& printer) const {
    std::vector<std::string> all;
    const auto seen = seen_.find(printer);
    for (const auto& key : keys_of(printer))
        if (seen == seen_.end() || seen->second.count(key) == 0)
            all.push_back(key + " of " + printer + " is described, and not printed");
    return all;
}

std::string lines(const std::vector<std::string>& texts) {
    std::string all;
    for (const auto& text : texts)
        all += text + '\n';
    return all;
}

} // namespace userblk::test
