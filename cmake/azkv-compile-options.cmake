# The compile options of azkv's own targets. None of them reaches a consumer, except the sanitizers, which all
# parts of a program must share.
function(azkv_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra $<$<BOOL:${AZKV_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # g++ 12 to 14 give a false alarm at the end of coroutines whose frames have an allocator of their own.
    target_compile_options(${target} PRIVATE -Wno-mismatched-new-delete)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_UNITY_BUILD)
    # A source file that another one includes is not a header: no other unit sees its types.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  if(AZKV_SANITIZE)
    list(JOIN AZKV_SANITIZE "," sanitizers)
    target_compile_options(${target} PUBLIC -fsanitize=${sanitizers} -fno-omit-frame-pointer
                                            -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${sanitizers})
    # It changes inline functions of Asio, so only where no foreign program links with the library.
    target_compile_definitions(${target} PUBLIC BOOST_ASIO_NO_DEPRECATED)
    if("thread" IN_LIST AZKV_SANITIZE)
      # ThreadSanitizer does not understand the fence that ends Asio's reference counts; without std::atomic
      # Asio uses those of Boost, which it understands.
      target_compile_definitions(${target} PUBLIC BOOST_ASIO_DISABLE_STD_ATOMIC)
    endif()
  endif()
  if(AZKV_FUZZ)
    target_compile_options(${target} PUBLIC -fsanitize=fuzzer-no-link -UNDEBUG) # with all assertions
    target_compile_definitions(${target} PUBLIC _GLIBCXX_ASSERTIONS)
  endif()
endfunction()
