#include "bus/open_set.h"

#include <set>

#include "bus/random.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

TEST(OpenSet, OpensAscendingAndClosesInAnyOrder) {
  OpenSet open;
  EXPECT_TRUE(open.empty());
  EXPECT_FALSE(open.AllOpen(1, 1));
  open.Open(1, 200);
  EXPECT_EQ(open.size(), 200u);
  EXPECT_TRUE(open.AllOpen(1, 200));
  EXPECT_FALSE(open.AllOpen(0, 1));
  EXPECT_FALSE(open.AllOpen(200, 201));
  EXPECT_FALSE(open.AllOpen(2, 1));
  open.Close(64, 127);
  EXPECT_FALSE(open.AllOpen(63, 64));
  EXPECT_TRUE(open.AllOpen(1, 63));
  EXPECT_TRUE(open.AllOpen(128, 200));
  open.Close(128, 200);
  open.Close(1, 63);
  EXPECT_TRUE(open.empty());
}

TEST(OpenSet, NumbersFarApartCostNothingWhenNothingIsOpenBetween) {
  OpenSet open;
  open.Open(5, 5);
  open.Close(5, 5);
  open.Open(uint64_t{1} << 62, (uint64_t{1} << 62) + 3);
  EXPECT_TRUE(open.AllOpen(uint64_t{1} << 62, (uint64_t{1} << 62) + 3));
  EXPECT_FALSE(open.AllOpen(5, 5));
}

TEST(OpenSet, RefusesToOpenBackwards) {
  OpenSet open;
  open.Open(10, 20);
  EXPECT_DEATH(open.Open(20, 21), "behind 21");
  open.Close(10, 20);
  EXPECT_DEATH(open.Open(20, 21), "behind 21");
}

// Against a std::set, through growth and wrapping of the ring.
TEST(OpenSet, AgreesWithASetOverRandomOperations) {
  for (uint64_t salt = 0; salt < 20; ++salt) {
    const Random random(salt);
    OpenSet open;
    std::set<uint64_t> model;
    uint64_t end = random.Below(1, {}, 1000);
    for (uint64_t step = 0; step < 2000; ++step) {
      if (random.Below(2, {step}, 3) == 0 && model.size() < 3000) {
        const uint64_t first = end + random.Below(3, {step}, 5), last = first + random.Below(4, {step}, 150);
        open.Open(first, last);
        for (uint64_t n = first; n <= last; ++n) model.insert(n);
        end = last + 1;
      } else if (!model.empty()) {
        const uint64_t at = *model.begin() + random.Below(5, {step}, end - *model.begin());
        const uint64_t last = at + random.Below(6, {step}, 100);
        bool all = true;
        for (uint64_t n = at; n <= last; ++n) all = all && model.count(n) == 1;
        ASSERT_EQ(open.AllOpen(at, last), all) << salt << " " << step;
        if (all) {
          open.Close(at, last);
          model.erase(model.lower_bound(at), model.upper_bound(last));
        } else {
          const uint64_t one = *model.begin();
          ASSERT_TRUE(open.AllOpen(one, one));
          open.Close(one, one);
          model.erase(one);
        }
      }
      ASSERT_EQ(open.size(), model.size());
      if (step % 50 != 0) continue;
      std::set<uint64_t> walked;
      uint64_t behind = 0;
      open.EachRun([&](uint64_t first, uint64_t last) {
        ASSERT_TRUE(first > behind || walked.empty()) << "a run that is none, or not ascending";
        for (uint64_t n = first; n <= last; ++n) walked.insert(n);
        behind = last + 1;
      });
      ASSERT_EQ(walked, model) << salt << " " << step;
    }
  }
}

}  // namespace
}  // namespace millrace::bus
