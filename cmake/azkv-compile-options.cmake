# What azkv's own targets are compiled with. Nothing of it reaches a consumer, but for the sanitizers, which
# every part of a program must agree on.
function(azkv_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra $<$<BOOL:${AZKV_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # A false alarm of g++ 12 to 14 at the end of coroutines, whose frames have an allocator of their own.
    target_compile_options(${target} PRIVATE -Wno-mismatched-new-delete)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_UNITY_BUILD)
    # Source files that are included are no headers, whose types nobody else would see.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  if(AZKV_SANITIZE)
    list(JOIN AZKV_SANITIZE "," sanitizers)
    target_compile_options(${target} PUBLIC -fsanitize=${sanitizers} -fno-omit-frame-pointer
                                            -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${sanitizers})
    # It changes inline functions of Asio: only where no program of others is linked.
    target_compile_definitions(${target} PUBLIC BOOST_ASIO_NO_DEPRECATED)
    if("thread" IN_LIST AZKV_SANITIZE)
      # ThreadSanitizer does not understand the fence with which Asio's reference counts end; without
      # std::atomic they are those of Boost, which it does.
      target_compile_definitions(${target} PUBLIC BOOST_ASIO_DISABLE_STD_ATOMIC)
    endif()
  endif()
  if(AZKV_FUZZ)
    target_compile_options(${target} PUBLIC -fsanitize=fuzzer-no-link -UNDEBUG) # with all assertions
    target_compile_definitions(${target} PUBLIC _GLIBCXX_ASSERTIONS)
  endif()
endfunction()
