// Included by many.
#pragma once
