# Writes the header with the build id:
#   cmake -DSOURCE_DIRECTORY=<src> -DVERSION=<version> -DOUTPUT=<file> -P build_id.cmake
# Only source files count: objects that another build leaves beside them do not change the id. The header is touched
# only when the id is another, so that an unchanged tree compiles nothing again.
cmake_minimum_required(VERSION 3.25)

file(GLOB_RECURSE sources RELATIVE "${SOURCE_DIRECTORY}"
     "${SOURCE_DIRECTORY}/*.cpp" "${SOURCE_DIRECTORY}/*.hpp" "${SOURCE_DIRECTORY}/*.c" "${SOURCE_DIRECTORY}/*.h"
     "${SOURCE_DIRECTORY}/*.cmake")
list(SORT sources)

set(listing "")
foreach(source IN LISTS sources)
    file(SHA256 "${SOURCE_DIRECTORY}/${source}" digest)
    string(APPEND listing "${digest}  ${source}\n")
endforeach()
string(SHA256 digest "${listing}")
string(SUBSTRING "${digest}" 0 12 short_digest)

file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [[
#pragma once

#include <string_view>

inline constexpr std::string_view generated_build_id = "@VERSION@-@short_digest@";
]])
