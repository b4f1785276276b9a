// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <stdexcept>

#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

namespace {

std::string hexadecimal(std::uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(number));
    return text;
}

std::string value_text(const Parameter& parameter, const Value& value) {
    if (value.reference) {
        std::string text = "@" + std::to_string(value.number);
        if (value.plus)
            text += (value.plus > 0 ? "+" : "") + std::to_string(value.plus);
        return text;
    }
    if (value.number < parameter.names.size())
        return std::string(parameter.names[value.number]);
    if (parameter.type == Type::flags || value.number > 0xffffffff)
        return hexadecimal(value.number);
    return std::to_string(value.number);
}

// The whole text must be a number.
template <class T>
bool parse_number(std::string_view text, T& number) {
    int base = 10;
    if (text.starts_with("0x")) {
        text.remove_prefix(2);
        base = 16;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool parse_reference(std::string_view text, Value& value) {
    value.reference = true;
    const std::size_t sign = text.find_first_of("+-");
    if (!parse_number(text.substr(0, sign), value.number))
        return false;
    if (sign == std::string_view::npos)
        return true;
    return parse_number(text.substr(text[sign] == '+' ? sign + 1 : sign), value.plus);
}

bool parse_value(const Parameter& parameter, std::string_view text, Value& value) {
    value = {};
    if (text.starts_with('@'))
        return parse_reference(text.substr(1), value);
    const auto name = std::find(parameter.names.begin(), parameter.names.end(), text);
    if (name != parameter.names.end()) {
        value.number = static_cast<std::uint64_t>(name - parameter.names.begin());
        return true;
    }
    return parse_number(text, value.number);
}

[[noreturn]] void refuse(std::string_view what, std::string_view where) {
    throw std::runtime_error("unknown " + std::string(what) + " '" + std::string(where) + "'");
}

Actor to_actor(std::string_view word) {
    for (std::size_t i = 1; i < actors; i++)
        if (word == std::string(name_of(static_cast<Actor>(i))) + ":")
            return static_cast<Actor>(i);
    return Actor::itself;
}

Kind to_kind(std::string_view word) {
    for (std::size_t i = 0; i < kinds; i++)
        if (word == schema(static_cast<Kind>(i)).name)
            return static_cast<Kind>(i);
    refuse("call", word);
}

void set_value(Call& call, std::string_view word) {
    const std::vector<Parameter>& parameters = schema(call.kind).parameters;
    const std::size_t equals = word.find('=');
    for (std::size_t i = 0; equals != std::string_view::npos && i < parameters.size(); i++)
        if (word.substr(0, equals) == parameters[i].name &&
            parse_value(parameters[i], word.substr(equals + 1), call.values[i]))
            return;
    refuse("value", word);
}

Call to_call(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    const Actor actor = to_actor(word);
    if (actor != Actor::itself && !(words >> word))
        refuse("call", line);
    Call call = default_call(to_kind(word));
    call.actor = actor;
    while (words >> word)
        set_value(call, word);
    return call;
}

} // namespace

std::string to_text(const Call& call) {
    const CallSchema& of = schema(call.kind);
    std::string text;
    if (call.actor != Actor::itself)
        text = std::string(name_of(call.actor)) + ": ";
    text += of.name;
    for (std::size_t i = 0; i < of.parameters.size(); i++)
        if (call.values[i] != of.parameters[i].default_value)
            text += " " + std::string(of.parameters[i].name) + "=" +
                    value_text(of.parameters[i], call.values[i]);
    return text;
}

std::string to_text(const Program& program) {
    std::string text;
    for (const Call& call : program.calls)
        text += to_text(call) + "\n";
    return text;
}

std::vector<Program> to_programs(std::string_view text) {
    std::vector<Program> programs(1);
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        if (line + "\n" == divider)
            programs.emplace_back();
        else if (line.find_first_not_of(" \t") != std::string::npos && line[0] != '#')
            programs.back().calls.push_back(to_call(line));
    }
    std::erase_if(programs, [](const Program& one) { return one.calls.empty(); });
    return programs;
}

Program to_program(std::string_view text) {
    const std::vector<Program> all = to_programs(text);
    if (all.size() != 1)
        throw std::runtime_error("not one program, but " + std::to_string(all.size()));
    return all.front();
}

} // namespace userblk::fuzz
