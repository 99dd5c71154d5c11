# Puts the descriptions of lib/ into the binary: a table of path and text, made anew when one changes.
# Run as a script (cmake -P) with ROOT and OUTPUT it writes the table; included it declares the rule.
if(CMAKE_SCRIPT_MODE_FILE)
  file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/*.sf)
  list(SORT files)
  set(body "")
  set(count 0)
  foreach(file ${files})
    file(READ ${ROOT}/${file} text)
    # One literal may not be longer than compilers allow: it is cut into pieces that join again.
    string(LENGTH "${text}" length)
    set(pieces "")
    set(at 0)
    while(at LESS length)
      string(SUBSTRING "${text}" ${at} 8000 piece)
      string(APPEND pieces "R\"croft(${piece})croft\"\n")
      math(EXPR at "${at} + 8000")
    endwhile()
    if(pieces STREQUAL "")
      set(pieces "\"\"")
    endif()
    string(APPEND body "    {\"${file}\", ${pieces}},\n")
    math(EXPR count "${count} + 1")
  endforeach()
  file(WRITE ${OUTPUT} "#include \"lang/library.h\"\n\nnamespace croft::lang {\n\nconst LibraryFile library_table[] = {\n${body}};\nconst size_t library_size = ${count};\n\n}  // namespace croft::lang\n")
  return()
endif()

function(croft_embed_library target root)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${root}/*.sf)
  set(output ${CROFT_EMBED_DIR}/library_table.cpp)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DROOT=${root} -DOUTPUT=${output} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding lib/")
  target_sources(${target} PRIVATE ${output})
endfunction()
