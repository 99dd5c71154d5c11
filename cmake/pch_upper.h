#pragma once
// For the modules that reach aio and model: half of what their files read are these headers.
#include "cmake/pch.h"

#include "aio/scope.h"
#include "aio/sync.h"
#include "aio/world.h"
#include "model/component.h"
#include "model/lifecycle.h"
#include "model/schema.h"
