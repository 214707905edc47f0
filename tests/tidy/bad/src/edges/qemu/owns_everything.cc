#pragma once
class GuestManager {};
