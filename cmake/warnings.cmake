# One interface target that every target of ours links: the language, the warnings, all of them errors.
add_library(wxbus_warnings INTERFACE)
target_compile_features(wxbus_warnings INTERFACE c_std_11)
target_compile_definitions(wxbus_warnings INTERFACE _GNU_SOURCE
	HASH_FUNCTION=HASH_SAX) # of uthash; clang warns of the fall-through in its default one
target_compile_options(wxbus_warnings INTERFACE
	-Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings -Wstrict-prototypes
	-Wmissing-prototypes -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wold-style-definition
	-fno-strict-aliasing -fstack-protector-strong -fno-common)
target_include_directories(wxbus_warnings INTERFACE "${CMAKE_SOURCE_DIR}")
