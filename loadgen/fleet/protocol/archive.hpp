#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/stats/histogram.hpp"

namespace qck::stats {

template <class Archive>
void fields(Archive& all, HistogramGain& m) {
    all(m.buckets), all(m.sum_ns), all(m.max_ns);
}

}  // namespace qck::stats

namespace qck::fleet {

/// Pairs of index and count, ascending; as bytes of variable length (LEB128) of the gap to the
/// index before and of the count, for there are many of them.
using Counts = std::vector<std::pair<std::uint32_t, std::uint64_t>>;

std::vector<std::uint8_t> packed(const Counts& counts);
std::vector<std::uint8_t> packed(const std::vector<std::uint32_t>& numbers);
/// False when the bytes are not what packed() makes.
bool unpack(const std::vector<std::uint8_t>& bytes, Counts& counts);
bool unpack(const std::vector<std::uint8_t>& bytes, std::vector<std::uint32_t>& numbers);

/// Writes the fields of a struct, in the order in which `fields(archive, struct)` names them, as an
/// array; structs within are arrays within.
class FieldWriter {
public:
    template <class T>
    void operator()(const T& value) {
        out_.push_back(json_of(value));
    }
    nlohmann::json take() { return std::move(out_); }

private:
    using Json = nlohmann::json;

    template <class T>
    requires std::is_arithmetic_v<T>
    static Json json_of(T value) { return value; }
    template <class T>
    requires std::is_enum_v<T>
    static Json json_of(T value) { return static_cast<std::uint64_t>(value); }
    static Json json_of(const std::string& text) { return text; }
    static Json json_of(std::chrono::nanoseconds span) { return span.count(); }
    static Json json_of(const Counts& counts) { return Json::binary(packed(counts)); }
    static Json json_of(const std::vector<std::uint32_t>& numbers) {
        return Json::binary(packed(numbers));
    }
    static Json json_of(const stats::Histogram& histogram) {
        stats::Histogram nothing;
        return json_of(histogram.take_gain(nothing));
    }
    template <class A, class B>
    static Json json_of(const std::pair<A, B>& pair) {
        return Json::array({json_of(pair.first), json_of(pair.second)});
    }
    template <class T, std::size_t size>
    static Json json_of(const std::array<T, size>& values) {
        return json_of_all(values);
    }
    template <class T>
    static Json json_of(const std::vector<T>& values) {
        return json_of_all(values);
    }
    template <class T>
    static Json json_of(const std::optional<T>& value) {
        Json out = Json::array();
        if (value) out.push_back(json_of(*value));
        return out;
    }
    template <class K, class V>
    static Json json_of(const std::map<K, V>& values) {
        return json_of_all(values);
    }
    template <class T>
    requires std::is_class_v<T>
    static Json json_of(const T& value) {
        FieldWriter writer;
        // fields() serves both directions; this one only reads.
        fields(writer, const_cast<T&>(value));
        return writer.take();
    }
    template <class Range>
    static Json json_of_all(const Range& values) {
        Json out = Json::array();
        for (const auto& value : values) out.push_back(json_of(value));
        return out;
    }

    nlohmann::json out_ = nlohmann::json::array();
};

/// Reads what FieldWriter wrote. Whatever is not as expected is remembered in good().
class FieldParser {
public:
    explicit FieldParser(const nlohmann::json& in) : in_(in), good_(in.is_array()) {}

    template <class T>
    void operator()(T& value) {
        if (good_ && next_ < in_.size()) {
            take(in_[next_++], value);
        } else {
            good_ = false;
        }
    }
    /// Every field was there, was what it should be, and there was no more.
    bool good() const { return good_ && next_ == in_.size(); }

private:
    using Json = nlohmann::json;

    void take(const Json& in, bool& value) {
        if (in.is_boolean()) {
            value = in.get<bool>();
        } else {
            good_ = false;
        }
    }
    template <std::integral T>
    void take(const Json& in, T& value) {
        if (in.is_number_unsigned() && std::in_range<T>(in.get<std::uint64_t>())) {
            value = static_cast<T>(in.get<std::uint64_t>());
        } else if (in.is_number_integer() && !in.is_number_unsigned() &&
                   std::in_range<T>(in.get<std::int64_t>())) {
            value = static_cast<T>(in.get<std::int64_t>());
        } else {
            good_ = false;
        }
    }
    void take(const Json& in, double& value) {
        if (in.is_number()) {
            value = in.get<double>();
        } else {
            good_ = false;
        }
    }
    /// Whether the number stands for anything is the caller's to check.
    template <class T>
    requires std::is_enum_v<T>
    void take(const Json& in, T& value) {
        std::underlying_type_t<T> number{};
        take(in, number);
        value = static_cast<T>(number);
    }
    void take(const Json& in, std::string& text) {
        if (in.is_string()) {
            text = in.get_ref<const std::string&>();
        } else {
            good_ = false;
        }
    }
    void take(const Json& in, std::chrono::nanoseconds& span) {
        std::int64_t count = 0;
        take(in, count);
        span = std::chrono::nanoseconds(count);
    }
    void take(const Json& in, Counts& counts) {
        good_ = good_ && in.is_binary() && unpack(in.get_binary(), counts);
    }
    void take(const Json& in, std::vector<std::uint32_t>& numbers) {
        good_ = good_ && in.is_binary() && unpack(in.get_binary(), numbers);
    }
    void take(const Json& in, stats::Histogram& histogram) {
        stats::HistogramGain gain;
        take(in, gain);
        for (const auto& bucket : gain.buckets) {
            if (bucket.first >= stats::Histogram::size) good_ = false;
        }
        if (good_) histogram.add(gain);
    }
    template <class A, class B>
    void take(const Json& in, std::pair<A, B>& pair) {
        if (!has_size(in, 2)) return;
        take(in[0], pair.first);
        take(in[1], pair.second);
    }
    template <class T, std::size_t size>
    void take(const Json& in, std::array<T, size>& values) {
        if (!has_size(in, size)) return;
        for (std::size_t at = 0; at < size; ++at) take(in[at], values[at]);
    }
    template <class T>
    void take(const Json& in, std::vector<T>& values) {
        if (!in.is_array()) {
            good_ = false;
            return;
        }
        for (const Json& one : in) take(one, values.emplace_back());
    }
    /// None or one.
    template <class T>
    void take(const Json& in, std::optional<T>& value) {
        if (!in.is_array() || in.size() > 1) {
            good_ = false;
        } else if (!in.empty()) {
            take(in[0], value.emplace());
        }
    }
    template <class K, class V>
    void take(const Json& in, std::map<K, V>& values) {
        std::vector<std::pair<K, V>> pairs;
        take(in, pairs);
        values.insert(pairs.begin(), pairs.end());
    }
    template <class T>
    requires std::is_class_v<T>
    void take(const Json& in, T& value) {
        FieldParser parser(in);
        fields(parser, value);
        good_ = good_ && parser.good();
    }
    bool has_size(const Json& in, std::size_t size) {
        good_ = good_ && in.is_array() && in.size() == size;
        return good_;
    }

    const nlohmann::json& in_;
    std::size_t next_ = 0;
    bool good_;
};

}  // namespace qck::fleet
