# The third-party libraries. Each is linked by exactly one folder of common/.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(LIBCURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(JSONC REQUIRED IMPORTED_TARGET json-c)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
if(WXBUS_TESTS)
	pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

# Debian's CivetWeb ships neither a pkg-config file nor (on 12) a working CMake package.
find_path(CIVETWEB_INCLUDE_DIR civetweb.h REQUIRED)
find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
add_library(wxbus_civetweb INTERFACE)
target_include_directories(wxbus_civetweb SYSTEM INTERFACE "${CIVETWEB_INCLUDE_DIR}")
target_link_libraries(wxbus_civetweb INTERFACE "${CIVETWEB_LIBRARY}")
