#include "tests/scenarios/verbs.h"

#include <algorithm>
#include <sstream>

namespace millrace::scenarios {
namespace {

constexpr Verb kVerbs[] = {
    {"sync", Kind::kBarrier, "",
     "waits until what stands behind it has been told; on a model, until nothing is told any more"},
    {"quiet", Kind::kBarrier, "", "the same, and looks on for a while: nothing more may be told"},

    {"topic", Kind::kDriver, "NAME PARTITIONS [groups=G,G] [unordered] [keep]", "makes a topic, or says it again"},
    {"feeder", Kind::kDriver, "NAME TOPIC…", "opens a producer"},
    {"publish", Kind::kDriver, "FEEDER TOPIC/PARTITION TEXT…", "publishes messages; m0..m9 are ten"},
    {"close-feeder", Kind::kDriver, "FEEDER", "closes it, waiting for its answers"},
    {"crash-feeder", Kind::kDriver, "FEEDER", "its process dies"},
    {"join", Kind::kDriver,
     "MEMBER GROUP TOPIC… [static=ID] [capacity=N] [prefetch=N] [batch=N] [cooperative] [manual] [finishing]",
     "opens a consumer; manual: it releases what is revoked by `release` only; finishing: it finishes what it gets at "
     "once"},
    {"finish", Kind::kDriver, "MEMBER TOPIC/PARTITION TEXT…",
     "is done with messages, which settles them as far as the backend can; `all` is what it holds. Refusals are told"},
    {"note", Kind::kDriver, "MEMBER TOPIC/PARTITION TEXT", "settles nothing, with a note"},
    {"pause", Kind::kDriver, "MEMBER TOPIC/PARTITION", "stops deliveries of a partition"},
    {"resume", Kind::kDriver, "MEMBER TOPIC/PARTITION", "and goes on with them"},
    {"release", Kind::kDriver, "MEMBER TOPIC/PARTITION", "gives a partition up, asked or not"},
    {"release-revoked", Kind::kDriver, "MEMBER", "gives up all that it is asked for"},
    {"leave", Kind::kDriver, "MEMBER", "closes the consumer; how that ended is told"},
    {"crash", Kind::kDriver, "MEMBER", "its process dies"},
    {"freeze", Kind::kDriver, "MEMBER", "is not polled any more, while its client library goes on"},
    {"thaw", Kind::kDriver, "MEMBER", "is polled again"},
    {"lag", Kind::kDriver, "GROUP TOPIC COUNT",
     "waits until so many messages of a topic are not settled, and tells how many are"},
    {"wait", Kind::kDriver, "TIME", "lets time pass: 500ms, 3s"},

    {"own-broker", Kind::kOperator, "[consumer-timeout=TIME]",
     "first in the file: it disturbs the broker as a whole, so it is played on one that serves nobody else"},
    {"stop-broker", Kind::kOperator, "[kill]", "stops the broker, or kills it"},
    {"start-broker", Kind::kOperator, "", "starts it again"},
    {"destroy", Kind::kOperator, "TOPIC/PARTITION",
     "destroys what groups have not settled: by retention, or the queue is deleted"},
    {"expel", Kind::kOperator, "GROUP", "the group's coordinator gives all its members up behind their backs (log)"},
    {"expire", Kind::kOperator, "MEMBER", "the broker loses sight of a member, which is frozen (queue)"},
    {"retention", Kind::kOperator, "TOPIC/PARTITION OFFSET", "destroys the records below an offset (log)"},
    {"delete-group", Kind::kOperator, "GROUP", "deletes a group, and tells what the broker says (log)"},
    {"gap", Kind::kOperator, "TOPIC/PARTITION",
     "leaves offsets without a record, by a transaction that is aborted (log)"},
    {"cut", Kind::kOperator, "", "all connections of this scenario break, and no new one is made (queue)"},
    {"mend", Kind::kOperator, "", "and connections are made again"},
    {"block", Kind::kOperator, "", "nothing that feeders publish gets through (queue)"},
    {"unblock", Kind::kOperator, "", "and it does again"},
    {"alarm", Kind::kOperator, "STATE",
     "a memory alarm, on or off: connections that publish are blocked (queue, own-broker)"},

    {"client", Kind::kOperator, "CLIENT", "connects a client below the drivers"},
    {"drop", Kind::kOperator, "CLIENT", "cuts its connection"},

    {"join-group", Kind::kLog,
     "CLIENT GROUP TOPIC… [static=ID] [protocols=P,P] [session=TIME] [rebalance=TIME] [fresh]",
     "asks to join, as the member that it was, or as a new one (fresh)"},
    {"sync-group", Kind::kLog, "CLIENT SHARES… [generation=WHICH]",
     "asks for its share; a leader gives them out: r:t/0,t/1 s:t/2; `-` gives none"},
    {"heartbeat", Kind::kLog, "CLIENT [generation=WHICH]",
     "WHICH is `old`, of the generation before, `none`, or a number"},
    {"leave-group", Kind::kLog, "CLIENT", "leaves"},
    {"commit", Kind::kLog, "CLIENT GROUP TOPIC/PARTITION OFFSET [generation=WHICH] [member=CLIENT] [note=TEXT]",
     "commits, as itself or in the name of another client, or of `nobody`"},
    {"offsets", Kind::kLog, "CLIENT GROUP TOPIC/PARTITION",
     "what the group has committed, and where the log begins and ends"},
    {"transact", Kind::kLog, "CLIENT ID [timeout=TIME]", "initialises a producer under a transactional id"},
    {"produce", Kind::kLog, "CLIENT TOPIC/PARTITION TEXT…", "produces, in a transaction where it has an id"},
    {"send-offset", Kind::kLog, "CLIENT GROUP TOPIC/PARTITION OFFSET [generation=WHICH] [member=CLIENT]",
     "an offset that is committed with the transaction"},
    {"end", Kind::kLog, "CLIENT HOW", "ends the transaction: commit or abort"},

    {"channel", Kind::kQueue, "CLIENT CHANNEL", "opens a channel, a number"},
    {"close-channel", Kind::kQueue, "CLIENT CHANNEL", "closes it"},
    {"hang-up", Kind::kQueue, "CLIENT", "closes the connection"},
    {"exchange", Kind::kQueue, "CLIENT CHANNEL EXCHANGE [fanout] [passive]", "declares an exchange"},
    {"declare", Kind::kQueue,
     "CLIENT CHANNEL QUEUE [passive] [exclusive] [single-active] [max-length=N] [reject-publish] [delivery-limit=N] "
     "[dead-letter=EXCHANGE] [at-least-once]",
     "declares a quorum queue, or an exclusive one; t:g:0 is that of partition 0 for a driver's group g"},
    {"bind", Kind::kQueue, "CLIENT CHANNEL QUEUE EXCHANGE KEY", "binds a queue"},
    {"delete", Kind::kQueue, "CLIENT CHANNEL QUEUE", "deletes a queue"},
    {"confirm", Kind::kQueue, "CLIENT CHANNEL", "turns confirms on"},
    {"qos", Kind::kQueue, "CLIENT CHANNEL COUNT", "how many unsettled deliveries consumers started later may have"},
    {"consume", Kind::kQueue, "CLIENT CHANNEL QUEUE [tag=N]", "starts a consumer"},
    {"cancel", Kind::kQueue, "CLIENT CHANNEL QUEUE", "ends it"},
    {"send", Kind::kQueue, "CLIENT CHANNEL EXCHANGE KEY TEXT… [mandatory]", "publishes"},
    {"ack", Kind::kQueue, "CLIENT CHANNEL TEXT… [multiple]",
     "settles the last delivery of each text; tag:7 is one by its tag"},
    {"nack", Kind::kQueue, "CLIENT CHANNEL TEXT… [multiple] [discard]", "gives deliveries back, or throws them away"},
};

std::vector<std::string> Split(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::span<const Verb> Verbs() { return kVerbs; }

const Verb* FindVerb(std::string_view name) {
  const auto at = std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Verb& v) { return v.name == name; });
  return at == std::end(kVerbs) ? nullptr : &*at;
}

absl::Status SortWords(const Verb& verb, const std::vector<std::string>& all, Step& step) {
  const std::string usage =
      "usage: " + std::string(verb.name) + (verb.usage.empty() ? "" : " ") + std::string(verb.usage);
  size_t least = 0;
  bool many = false;
  std::map<std::string, bool> known;  // option → whether it has a value
  for (const std::string& part : Split(verb.usage)) {
    if (part[0] == '[') {
      const std::string inner = part.substr(1, part.size() - 2);
      known[inner.substr(0, inner.find('='))] = inner.find('=') != std::string::npos;
    } else {
      ++least;
      many = many || part.find("…") != std::string::npos;
    }
  }
  for (const std::string& word : all) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto option = known.find(name);
    if (equals != std::string::npos) {
      if (option == known.end() || !option->second)
        return absl::InvalidArgumentError("no option \"" + name + "=\"; " + usage);
      step.options[name] = word.substr(equals + 1);
    } else if (option != known.end() && !option->second) {
      step.options[name] = "";
    } else {
      step.words.push_back(word);
    }
  }
  if (step.words.size() < least || (step.words.size() > least && !many)) return absl::InvalidArgumentError(usage);
  return absl::OkStatus();
}

}  // namespace millrace::scenarios
