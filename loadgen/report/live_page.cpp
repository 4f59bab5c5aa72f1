#include "loadgen/report/live_page.hpp"

#include <string_view>

extern "C" {
extern const char qck_chart_js[];
extern const char qck_chart_js_end[];
extern const char qck_page_css[];
extern const char qck_page_css_end[];
extern const char qck_live_css[];
extern const char qck_live_css_end[];
extern const char qck_live_html[];
extern const char qck_live_html_end[];
extern const char qck_live_js[];
extern const char qck_live_js_end[];
}

namespace qck::report {
namespace {

std::string_view page_part(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string live_page() {
    std::string html =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>qck</title>\n<style>\n";
    html += page_part(qck_page_css, qck_page_css_end);
    html += page_part(qck_live_css, qck_live_css_end);
    html += "</style></head><body>\n";
    html += page_part(qck_live_html, qck_live_html_end);
    html += "<script>\n";
    html += page_part(qck_chart_js, qck_chart_js_end);
    html += "\n</script>\n<script>\n";
    html += page_part(qck_live_js, qck_live_js_end);
    html += "</script>\n</body></html>\n";
    return html;
}

}  // namespace qck::report
