#include "stages/property/units.h"

#include <gtest/gtest.h>

#include <limits>
#include <type_traits>

namespace millrace::property {
namespace {

Money MakeMoney(int64_t minor_units, const char* currency) {
  Money money;
  money.set_minor_units(minor_units);
  money.set_currency(currency);
  return money;
}

Area MakeArea(int64_t ten_thousandths, const char* units) {
  Area area;
  area.set_ten_thousandths(ten_thousandths);
  area.set_units(units);
  return area;
}

template <class A, class B>
concept Comparable = requires(A a, B b) {
  a < b;
};
template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};

TEST(UnitsTest, CurrenciesDoNotMixInTypes) {
  static_assert(Comparable<Amount<Usd>, Amount<Usd>> && Addable<Amount<Cad>, Amount<Cad>>);
  static_assert(!Comparable<Amount<Usd>, Amount<Cad>> && !Addable<Amount<Usd>, Amount<Cad>>);
  static_assert(!std::is_convertible_v<Amount<Usd>, Amount<Cad>>);
  EXPECT_LT(Amount<Usd>{1}, Amount<Usd>{2});
  EXPECT_EQ((Amount<Usd>{1} + Amount<Usd>{2}).minor_units, 3);
}

TEST(UnitsTest, CurrenciesDoNotMixInRecords) {
  EXPECT_EQ(*CompareMoney(MakeMoney(1, "CAD"), MakeMoney(2, "CAD")), std::strong_ordering::less);
  EXPECT_FALSE(CompareMoney(MakeMoney(1, "CAD"), MakeMoney(1, "USD")).ok());
  EXPECT_FALSE(CompareMoney(MakeMoney(1, ""), MakeMoney(1, "")).ok()) << "two unknown currencies need not be one";
  EXPECT_EQ(AmountIn<Usd>(MakeMoney(7, "USD"))->minor_units, 7);
  EXPECT_FALSE(AmountIn<Usd>(MakeMoney(7, "CAD")).ok());
  EXPECT_FALSE(AmountIn<Cad>(MakeMoney(7, "")).ok());
}

TEST(UnitsTest, AreasCompareExactly) {
  // 1 acre = 43,560 square feet; 1 square foot = 0.09290304 square metres, so 10^8 of them are exactly 9,290,304.
  EXPECT_EQ(*CompareAreas(MakeArea(10'000, "Acres"), MakeArea(435'600'000, "Square Feet")),
            std::strong_ordering::equal);
  EXPECT_EQ(*CompareAreas(MakeArea(1'000'000'000'000, "Square Feet"), MakeArea(92'903'040'000, "Square Meters")),
            std::strong_ordering::equal);
  EXPECT_EQ(*CompareAreas(MakeArea(1'000'000'000'000, "Square Feet"), MakeArea(92'903'040'001, "Square Meters")),
            std::strong_ordering::less);
  const int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(*CompareAreas(MakeArea(huge, "Acres"), MakeArea(huge, "Square Feet")), std::strong_ordering::greater);
  EXPECT_FALSE(CompareAreas(MakeArea(1, "Acres"), MakeArea(1, "")).ok());
  EXPECT_FALSE(CompareAreas(MakeArea(1, "Acres"), MakeArea(1, "Hectares")).ok());
  EXPECT_FALSE(CompareAreas(MakeArea(1, "Acres"), Area()).ok());
  EXPECT_DOUBLE_EQ(*SquareMeters(MakeArea(10'000, "Square Feet")), 0.09290304);
  EXPECT_DOUBLE_EQ(*SquareMeters(MakeArea(10'000, "Acres")), 4046.8564224);
}

}  // namespace
}  // namespace millrace::property
