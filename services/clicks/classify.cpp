#include "services/clicks/classify.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace qck::clicks {
namespace {

// Parts of User-Agent strings, in lower case. Chats and social networks that fetch a page to show a
// card for it come first: several of them also say "bot".
constexpr std::array<std::string_view, 24> preview_marks{"facebookexternalhit",
                                                         "facebookcatalog",
                                                         "twitterbot",
                                                         "slackbot",
                                                         "slack-imgproxy",
                                                         "discordbot",
                                                         "telegrambot",
                                                         "whatsapp",
                                                         "linkedinbot",
                                                         "skypeuripreview",
                                                         "pinterestbot",
                                                         "redditbot",
                                                         "mastodon",
                                                         "embedly",
                                                         "iframely",
                                                         "vkshare",
                                                         "viber",
                                                         "snapchat",
                                                         "microsoftpreview",
                                                         "mattermost-bot",
                                                         "google-pagerenderer",
                                                         "bitlybot",
                                                         "flipboardproxy",
                                                         "cardyb"};

constexpr std::array<std::string_view, 32> bot_marks{"bot",           "crawl",
                                                     "spider",        "slurp",
                                                     "archiver",      "monitor",
                                                     "curl/",         "wget/",
                                                     "python",        "go-http",
                                                     "okhttp",        "java/",
                                                     "libwww",        "httpclient",
                                                     "axios/",        "node-fetch",
                                                     "headless",      "phantomjs",
                                                     "lighthouse",    "pingdom",
                                                     "uptime",        "scrapy",
                                                     "mediapartners", "bingpreview",
                                                     "apis-google",   "google-read-aloud",
                                                     "feedfetcher",   "ia_archiver",
                                                     "yandex.com/",   "ahrefs",
                                                     "load test",     "wrk/"};

constexpr std::size_t agent_bytes_max = 512;

bool has_any(std::string_view text, const auto& marks) {
    return std::any_of(marks.begin(), marks.end(), [text](std::string_view mark) {
        return text.find(mark) != std::string_view::npos;
    });
}

bool contains_word(std::string_view text, std::string_view lower_case_word) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b);
    };
    return std::search(text.begin(), text.end(), lower_case_word.begin(), lower_case_word.end(),
                       same) != text.end();
}

}  // namespace

AgentKind classify_agent(std::string_view user_agent) {
    if (user_agent.empty()) return AgentKind::bot;
    user_agent = user_agent.substr(0, agent_bytes_max);
    std::array<char, agent_bytes_max> lower;
    std::transform(user_agent.begin(), user_agent.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string_view text(lower.data(), user_agent.size());
    if (has_any(text, preview_marks)) return AgentKind::preview;
    // CUBOT is a maker of telephones.
    if (text.find("cubot") != std::string_view::npos) return AgentKind::human;
    return has_any(text, bot_marks) ? AgentKind::bot : AgentKind::human;
}

ClickClass classify(const RequestTraits& request) {
    if (!request.known) return ClickClass::unknown_code;
    if (request.expired) return ClickClass::expired;
    if (request.head) return ClickClass::head;
    if (request.agent == AgentKind::preview) return ClickClass::preview;
    if (!request.purpose.empty()) {
        if (contains_word(request.purpose, "preview")) return ClickClass::preview;
        if (contains_word(request.purpose, "prefetch")) return ClickClass::prefetch;
    }
    return request.agent == AgentKind::bot ? ClickClass::bot : ClickClass::human;
}

}  // namespace qck::clicks
