int f(Engine& e) { return std::uniform_int_distribution<int>(0, 9)(e); }
