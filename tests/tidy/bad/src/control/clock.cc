auto f() { return std::chrono::system_clock::now(); }
