// Jobs for a test, a line each.
#include <iostream>

int main() {
  for (int i = 0; i < 300; ++i) std::cout << "made" << i << "\n";
  return std::cout.flush() ? 0 : 1;
}
