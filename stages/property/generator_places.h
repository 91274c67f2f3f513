// Where the generator's listings lie: cities of both countries with what their addresses are made of.
#ifndef MILLRACE_STAGES_PROPERTY_GENERATOR_PLACES_H_
#define MILLRACE_STAGES_PROPERTY_GENERATOR_PLACES_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::property {

struct GeneratorPlace {
  std::string_view city, county, state;
  bool canada = false;
  bool french = false;
  // US: the first of `postal_count` ZIP codes in a row. Canada: the forward sortation area.
  std::string_view postal;
  uint32_t postal_count = 1;
  int32_t latitude_e4 = 0, longitude_e4 = 0;  // of its middle, in 1e-4 degrees
};

std::span<const GeneratorPlace> GeneratorPlaces();

struct GeneratorStreet {
  std::string_view name;
  std::string_view type;  // "Street"; in French "Rue", which stands before the name
  std::string_view link;  // French, between type and name: "de la "
};

std::span<const GeneratorStreet> EnglishStreets();
std::span<const GeneratorStreet> FrenchStreets();

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_GENERATOR_PLACES_H_
