#include "sim/report/page.h"

#include <string_view>

#include "sim/report/assets.h"
#include "sim/report/names.h"
#include "sim/report/page_data.h"

namespace millrace::sim {
namespace {

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr std::string_view kBody = R"html(<header class="head">
<div class="head-words"><h1 id="title"></h1><p id="verdict"></p></div>
<div id="replay" class="replay" hidden><span class="label">Run it again</span><code id="replay-command"></code><button id="copy" type="button">Copy</button></div>
</header>
<nav class="bar" aria-label="What is shown">
<label class="field">Find <input id="filter" type="search" placeholder="job id, process, topic, word"></label>
<label class="check"><input id="only" type="checkbox"> only what concerns the guilty job</label>
<span class="kinds" id="kinds" role="group" aria-label="Kinds of events"></span>
<span class="grow"></span>
<span class="buttons" role="group" aria-label="Zoom"><button id="zoom-out" type="button" aria-label="Zoom out" title="Zoom out (-)">&#8722;</button><button id="zoom-in" type="button" aria-label="Zoom in" title="Zoom in (+)">+</button><button id="zoom-fit" type="button" title="The whole run (0)">Whole run</button><button id="zoom-guilty" type="button" title="The guilty job (g)">Guilty job</button><button id="theme" type="button" title="Light or dark">Theme</button></span>
</nav>
<main class="main">
<section class="diagram" aria-label="Space-time diagram">
<div class="stage" id="stage" tabindex="0" role="application" aria-label="Space-time diagram. Left and right arrow keys go from event to event, plus and minus zoom, 0 shows the whole run, Escape lets go.">
<svg id="axis" role="presentation"></svg>
<svg id="drawing" role="presentation"></svg>
</div>
<div class="foot"><div id="legend" class="legend" aria-label="Legend"></div><p id="notice" class="notice" role="status"></p></div>
</section>
<aside class="side" aria-label="The run in words">
<div class="side-head"><select id="finding" aria-label="Finding" hidden></select><div class="tabs" role="group" aria-label="Which events"><button id="tab-story" type="button" aria-pressed="true">The story</button><button id="tab-all" type="button" aria-pressed="false">Everything shown</button></div></div>
<ol id="lines" class="lines"></ol>
<div id="detail" class="detail" aria-live="polite"></div>
</aside>
</main>
<div id="tip" class="tip" role="tooltip" hidden></div>
<p id="status" class="status" role="alert" hidden></p>
)html";

}  // namespace

std::string Page(const Plan& plan, const History& history, std::span<const Finding> findings,
                 const PageOptions& options) {
  const Names names(plan, history);
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += "<title>" + Escaped(Printable(options.title)) + "</title>\n<style>\n";
  page += PageStyle();
  page += "</style>\n</head>\n<body>\n";
  page += kBody;
  page +=
      "<script type=\"application/json\" id=\"data\">" + PageData(names, findings, options) + "</script>\n<script>\n";
  page += PageScript();
  page += "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace millrace::sim
