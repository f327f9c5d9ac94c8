# 清廉。先看 README.md；每个命令的做法在 scripts/ 里。
PY := scripts/python -m
VENV := .venv/bin/python

.PHONY: backup restore up wheels upgrade down test test-embedded check format shot bench site help

help:  ## 列出命令
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/'

up:  ## 安装、建表、装入演示数据（仅空库）、启动网站与后台（WHEELS=文件夹 时不用网络）
	@QINGLIAN_WHEELS="$(WHEELS)" $(PY) scripts.up

wheels:  ## 把全部依赖下载到文件夹（TO=文件夹），供没有外网的机器安装
	@$(PY) scripts.wheels "$(TO)"

upgrade:  ## 生产环境：装依赖、备份、更新数据表与静态文件、检查；见 docs/operations/production.md
	@QINGLIAN_WHEELS="$(WHEELS)" $(PY) scripts.upgrade

down:  ## 结束 make up 启动的进程
	@$(PY) scripts.down

backup:  ## 备份（TO=目录；网站与后台照常运行）
	@$(PY) scripts.backup make "$(TO)"

restore:  ## 恢复（FROM=备份文件，KEYS=密钥备份文件，REPLACE=1 时现有数据先移到旁边）
	@$(PY) scripts.backup restore "$(FROM)" "$(KEYS)" "$(REPLACE)"

test:  ## 全部测试，含真实 PostgreSQL、Redis、Chromium（ARGS= 传给 pytest）
	@$(PY) scripts.test full $(ARGS)

test-embedded:  ## 不需要 PostgreSQL、Redis、Chromium、Node 的测试
	@$(PY) scripts.test embedded $(ARGS)

check:  ## 格式、代码检查、类型、导入规则、迁移、成品文件是否最新
	@$(PY) scripts.check

format:  ## 整理格式
	@$(PY) scripts.environment test
	@$(VENV) -m ruff check --fix-only --quiet . ; $(VENV) -m ruff format --quiet .

shot:  ## 所有页面的总览图：shots/sheet-390.png 与 shots/sheet-1440.png
	@$(PY) scripts.environment test
	@$(VENV) -m scripts.shot

bench:  ## 性能表；DATA=文件夹 时另测该数据
	@$(PY) scripts.environment test
	@$(VENV) -m benchmarks $(DATA)

site:  ## 重新构建 site/dist
	@$(PY) scripts.environment test
	@scripts/build-site
