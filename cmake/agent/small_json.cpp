// Boost.JSON compiled into croft-agent from its headers: of the ready library even the parts that
// read streams stay, and with them every locale of the C++ library.
#include <boost/json/src.hpp>
