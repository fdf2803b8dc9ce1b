# The emulator: always a static library, since it is for tests.
find_package(SQLite3 3.40 REQUIRED)

add_library(azkv-emulator STATIC
  src/emulator/access.cpp
  src/emulator/batch_format.cpp
  src/emulator/batches.cpp
  src/emulator/context.cpp
  src/emulator/edm.cpp
  src/emulator/emulator.cpp
  src/emulator/entities.cpp
  src/emulator/entity.cpp
  src/emulator/entity_json.cpp
  src/emulator/fault_player.cpp
  src/emulator/faults.cpp
  src/emulator/filter.cpp
  src/emulator/queries.cpp
  src/emulator/server.cpp
  src/emulator/service.cpp
  src/emulator/settings.cpp
  src/emulator/sqlite.cpp
  src/emulator/storage.cpp
  src/emulator/tables.cpp
  src/emulator/target.cpp)
add_library(azkv::emulator ALIAS azkv-emulator)
if(BUILD_SHARED_LIBS) # azkv keeps to itself what the emulator has in common with it
  target_sources(azkv-emulator PRIVATE
    src/codec/json_text.cpp
    src/identity/shared_key.cpp
    src/protocol/connection_string.cpp
    src/protocol/endpoint.cpp
    src/protocol/http_date.cpp)
endif()

set_target_properties(azkv-emulator PROPERTIES EXPORT_NAME emulator)
target_include_directories(azkv-emulator PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
target_link_libraries(azkv-emulator
  PUBLIC azkv
  PRIVATE Boost::url OpenSSL::SSL OpenSSL::Crypto SQLite::SQLite3)
azkv_compile_options(azkv-emulator)
