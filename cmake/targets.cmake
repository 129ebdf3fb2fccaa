# wx_library(NAME SOURCES ... LINK ...): a static library of ours. Linking repeats the arrows of the includes.
function(wx_library name)
	cmake_parse_arguments(A "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
	add_library(${name} STATIC ${A_SOURCES})
	target_link_libraries(${name} PUBLIC ${A_LINK} PRIVATE ${A_PRIVATE_LINK} wxbus_warnings wxbus_sanitizers)
endfunction()

# common_library(json SOURCES ... LINK ... THIRD_PARTY ...): common/json as target common_json. THIRD_PARTY is
# linked privately: nobody else includes its headers.
function(common_library name)
	cmake_parse_arguments(A "" "" "SOURCES;LINK;THIRD_PARTY" ${ARGN})
	wx_library(common_${name} SOURCES ${A_SOURCES} LINK ${A_LINK} PRIVATE_LINK ${A_THIRD_PARTY})
endfunction()

# wx_program(NAME SOURCES main.c LINK ... [COMPONENT sim]): a binary, installed. The component wxbus is what a server
# gets (`cmake --install DIR --component wxbus`).
function(wx_program name)
	cmake_parse_arguments(A "" "COMPONENT" "SOURCES;LINK" ${ARGN})
	if(NOT A_COMPONENT)
		set(A_COMPONENT wxbus)
	endif()
	add_executable(${name} ${A_SOURCES})
	target_compile_definitions(${name} PRIVATE WXBUS_VERSION="${PROJECT_VERSION}")
	target_link_libraries(${name} PRIVATE ${A_LINK} wxbus_warnings wxbus_sanitizers)
	install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${A_COMPONENT})
endfunction()

# unit_test(x_test SOURCES x_test.c LINK ...): on cmocka, run by ctest.
function(unit_test name)
	cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
	if(NOT WXBUS_TESTS OR WXBUS_FUZZ)
		return()
	endif()
	add_executable(${name} ${A_SOURCES})
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/test")
	target_compile_definitions(${name} PRIVATE WXBUS_FIXTURES="${CMAKE_SOURCE_DIR}/tests/fixtures")
	target_link_libraries(${name} PRIVATE ${A_LINK} common_testing PkgConfig::CMOCKA wxbus_warnings wxbus_sanitizers)
	add_test(NAME ${name} COMMAND ${name})
	set_tests_properties(${name} PROPERTIES TIMEOUT 120)
endfunction()

# fuzz_target(x_fuzz SOURCES x_fuzz.c CORPUS x LINK ...): with WXBUS_FUZZ a libFuzzer binary; otherwise a test
# that replays tests/corpus/<CORPUS>.
function(fuzz_target name)
	cmake_parse_arguments(A "" "CORPUS" "SOURCES;LINK" ${ARGN})
	if(NOT WXBUS_TESTS AND NOT WXBUS_FUZZ)
		return()
	endif()
	if(WXBUS_FUZZ)
		add_executable(${name} ${A_SOURCES})
		target_link_options(${name} PRIVATE -fsanitize=fuzzer)
		set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
	else()
		add_executable(${name} ${A_SOURCES} "${CMAKE_SOURCE_DIR}/common/testing/fuzz_replay.c")
		set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/test")
		add_test(NAME ${name}_corpus COMMAND ${name} "${CMAKE_SOURCE_DIR}/tests/corpus/${A_CORPUS}")
		set_tests_properties(${name}_corpus PROPERTIES TIMEOUT 120)
	endif()
	target_link_libraries(${name} PRIVATE ${A_LINK} wxbus_warnings wxbus_sanitizers)
endfunction()
