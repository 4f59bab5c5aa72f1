#include "services/clicks/agent_fields.hpp"

#include <array>
#include <span>

#include "services/clicks/classify.hpp"

namespace qck::clicks {
namespace {

struct Mark {
    std::string_view part;
    std::string_view name;
};

constexpr std::array<Mark, 22> browser_marks{{{"Edg/", "Edge"},
                                              {"EdgA/", "Edge"},
                                              {"EdgiOS/", "Edge"},
                                              {"Edge/", "Edge"},
                                              {"OPR/", "Opera"},
                                              {"OPT/", "Opera"},
                                              {"Opera", "Opera"},
                                              {"SamsungBrowser/", "Samsung Internet"},
                                              {"YaBrowser/", "Yandex"},
                                              {"Vivaldi/", "Vivaldi"},
                                              {"UCBrowser/", "UC Browser"},
                                              {"FBAN/", "Facebook"},
                                              {"FBAV/", "Facebook"},
                                              {"Instagram", "Instagram"},
                                              {"DuckDuckGo/", "DuckDuckGo"},
                                              {"FxiOS/", "Firefox"},
                                              {"Firefox/", "Firefox"},
                                              {"CriOS/", "Chrome"},
                                              {"Chrome/", "Chrome"},
                                              {"MSIE ", "Internet Explorer"},
                                              {"Trident/", "Internet Explorer"},
                                              {"Safari/", "Safari"}}};

// Phones say "like Mac OS X", Android and ChromeOS say Linux or X11: those come first.
constexpr std::array<Mark, 14> os_marks{{{"Windows Phone", "Windows Phone"},
                                         {"Windows", "Windows"},
                                         {"iPhone", "iOS"},
                                         {"iPad", "iOS"},
                                         {"iPod", "iOS"},
                                         {"Android", "Android"},
                                         {"CrOS", "ChromeOS"},
                                         {"Tizen", "Tizen"},
                                         {"Web0S", "webOS"},
                                         {"webOS", "webOS"},
                                         {"KAIOS", "KaiOS"},
                                         {"Macintosh", "macOS"},
                                         {"FreeBSD", "FreeBSD"},
                                         {"Linux", "Linux"}}};

constexpr std::array<Mark, 6> tv_marks{{{"SmartTV", ""},
                                        {"SMART-TV", ""},
                                        {"Smart TV", ""},
                                        {"AppleTV", ""},
                                        {"BRAVIA", ""},
                                        {"Web0S", ""}}};

const Mark* first_of(std::string_view text, std::span<const Mark> marks) {
    for (const Mark& mark : marks) {
        if (text.find(mark.part) != std::string_view::npos) return &mark;
    }
    return nullptr;
}

std::string_view device_of(std::string_view text, std::string_view os) {
    const auto says = [text](std::string_view part) {
        return text.find(part) != std::string_view::npos;
    };
    if (classify_agent(text) != AgentKind::human) return "bot";
    if (first_of(text, tv_marks) != nullptr) return "tv";
    // An Android that does not say Mobile is a tablet, by Google's advice to makers of browsers.
    if (says("iPad") || says("Tablet") || (os == "Android" && !says("Mobile"))) return "tablet";
    if (says("Mobile") || says("iPhone") || says("iPod") || os == "Android") return "mobile";
    return os.empty() ? std::string_view() : "desktop";
}

}  // namespace

AgentFields agent_fields(std::string_view user_agent) {
    AgentFields fields;
    if (user_agent.empty()) return fields;
    if (const Mark* const os = first_of(user_agent, os_marks)) fields.os = os->name;
    if (const Mark* const browser = first_of(user_agent, browser_marks)) {
        fields.browser = browser->name;
    }
    fields.device = device_of(user_agent, fields.os);
    return fields;
}

}  // namespace qck::clicks
