# qck_embed(TARGET SYMBOL FILE): the bytes of FILE in the program, between the symbols
# SYMBOL and SYMBOL_end (extern "C" const char[]). One copy: the file itself is the source.
function(qck_embed target symbol file)
  cmake_path(ABSOLUTE_PATH file NORMALIZE)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(CONFIGURE OUTPUT ${source} CONTENT [=[
    .section .rodata
    .global @symbol@
    .global @symbol@_end
    .type @symbol@, %object
    .type @symbol@_end, %object
    .balign 16
@symbol@:
    .incbin "@file@"
@symbol@_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
]=] @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${source})
endfunction()
